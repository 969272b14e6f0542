// Accumulator of a chain: adds one aligned cascade sum per cycle.
//
//   FP16   acc[95:0] += x_i; flags_i stay until last_i
//   INT8   x_i = S0 + 2^18 S1, both sums of eight products: acc[31:0] += S0, acc[63:32] += S1
//
// S0 lies between -8*127*128 and 8*128*128 = 2^17. That greatest value would be -2^17 in 18 bits,
// which does not occur otherwise: so those 18 bits are unique.
//
// 32 bits are added per cycle, the carry goes on to the next segment in the next cycle. last_i:
// drain_o gets the sum with this step and the accumulator restarts from zero.
// Latency: 3 cycles from x_i to drain_o, which holds until the next. Throughput: one step per cycle.
// Errors: none.
module fvgm_dspe_acc
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,
  input  logic valid_i,
  input  logic last_i,
  input  precision_e precision_i,
  input  logic [2:0] flags_i,
  input  logic [DspeAccBits-1:0] x_i,
  output lane_t drain_o
);

  localparam int unsigned Seg = 32;
  localparam int unsigned Segs = DspeAccBits / Seg;
  localparam int unsigned Lane = 18;

  typedef struct packed {
    logic last;
    logic int8;
    logic [2:0] flags;
  } ctrl_t;

  // Segment i works i cycles after segment 0: its control, operand and carry wait for it.
  logic [Segs-1:0] valid, done;
  ctrl_t ctrl [Segs];
  logic [1:0] valid_q;
  ctrl_t ctrl_q [2];
  logic [Seg-1:0] x1_q, lane1_q;
  logic [Seg-1:0] x2_q [2];
  logic s0_negative, s0_negative_q;

  assign valid = {valid_q, valid_i};
  assign ctrl[0] = '{last: last_i, int8: precision_i == PrecInt8, flags: flags_i};
  assign ctrl[1] = ctrl_q[0];
  assign ctrl[2] = ctrl_q[1];
  assign s0_negative = x_i[Lane-1] && x_i[Lane-2:0] != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= valid[1:0];
  end

  always_ff @(posedge clk_i) begin
    ctrl_q[0] <= ctrl[0];
    ctrl_q[1] <= ctrl_q[0];
    x1_q <= x_i[Seg+:Seg];
    lane1_q <= x_i[Lane+:Seg];
    x2_q[0] <= x_i[2*Seg+:Seg];
    x2_q[1] <= x2_q[0];
    s0_negative_q <= s0_negative;
  end

  // A carry into an addition is one more bit below it, so that one carry chain does it all.
  // Unpacked, so that no simulated operation is wider than 64 bits.
  logic [Seg-1:0] addend [Segs];
  logic [Seg-1:0] sum [Segs];
  logic [Seg-1:0] acc_q [Segs];
  logic [Segs-1:0] carry_in, carry_out, carry_q, unused_low;

  assign addend[0] = ctrl[0].int8 ? {{Seg - Lane{s0_negative}}, x_i[Lane-1:0]} : x_i[Seg-1:0];
  assign addend[1] = ctrl[1].int8 ? lane1_q : x1_q;
  assign addend[2] = x2_q[1];
  assign carry_in = {carry_q[1], ctrl[1].int8 ? s0_negative_q : carry_q[0], 1'b0};

  for (genvar i = 0; i < Segs; i++) begin : g_seg
    assign {carry_out[i], sum[i], unused_low[i]} = {1'b0, acc_q[i], 1'b1}
                                                   + {1'b0, addend[i], carry_in[i]};
    assign done[i] = valid[i] && ctrl[i].last;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || done[i]) acc_q[i] <= '0;
      else if (valid[i]) acc_q[i] <= sum[i];
    end

    always_ff @(posedge clk_i) carry_q[i] <= carry_out[i];
  end

  // Flags, and the results of the lower segments, wait for the last one.
  logic [2:0] flags_q, flags;
  logic [Seg-1:0] sum0_q [2];
  logic [Seg-1:0] sum1_q;
  lane_t drain_q;
  logic unused_carry;

  assign unused_carry = carry_q[Segs-1];
  assign flags = flags_q | ctrl[2].flags;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || done[2]) flags_q <= '0;
    else if (valid[2]) flags_q <= flags;
  end

  always_ff @(posedge clk_i) begin
    sum0_q[0] <= sum[0];
    sum0_q[1] <= sum0_q[0];
    sum1_q <= sum[1];
    if (done[2]) drain_q <= {flags, sum[2], sum1_q, sum0_q[1]};
  end

  assign drain_o = drain_q;

endmodule

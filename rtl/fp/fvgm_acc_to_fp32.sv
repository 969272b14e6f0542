// Exact FP16 accumulator to FP32, one rounding to nearest even (acc_to_f32 in
// models/numerics.py).
//
// acc_i: two's complement, unit 2^-48. Sticky flags: nan_i, or pinf_i with ninf_i, gives
// 0x7FC00000; else pinf_i and ninf_i give the infinity. Exact zero is +0.
// Latency fvgm_fp_pkg::AccToFpLatency = 4, one conversion per cycle. No error outputs.
//
// Stages: 1 magnitude; 2 shift by whole 16-bit groups until the top one is not zero; 3 shift
// within a group; 4 round and pack.
`include "fvgm_assert.svh"

module fvgm_acc_to_fp32
  import fvgm_fp_pkg::*;
(
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               valid_i,
    input  logic [AccBits-1:0] acc_i,
    input  logic               nan_i,
    input  logic               pinf_i,
    input  logic               ninf_i,
    output logic               valid_o,
    output logic [       31:0] y_o
);

  localparam int unsigned GroupBits = 16;
  localparam int unsigned Groups = AccBits / GroupBits;
  // Leading group, 24 bits behind its last place, sticky apart.
  localparam int unsigned WindowBits = GroupBits + 24;
  // Biased exponent of the highest bit of the magnitude.
  localparam logic [7:0] TopExp = 8'(AccBits - 1 + 127 - AccFracBits);

  typedef struct packed {
    logic sign;
    logic is_nan;
    logic is_inf;
  } side_t;

  logic [AccToFpLatency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[AccToFpLatency-2:0], valid_i};
  end

  // Stage 1
  side_t s1_q;
  logic [AccBits-1:0] magnitude_q;

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      // An infinity takes over the sign.
      s1_q.sign <= (pinf_i || ninf_i) ? ninf_i : acc_i[AccBits-1];
      s1_q.is_nan <= nan_i || (pinf_i && ninf_i);
      s1_q.is_inf <= pinf_i || ninf_i;
      magnitude_q <= (acc_i ^ {AccBits{acc_i[AccBits-1]}}) + AccBits'(acc_i[AccBits-1]);
    end
  end

  // Stage 2
  side_t s2_q;
  logic [2:0] groups_d, groups_q;
  logic [AccBits-1:0] coarse;
  logic [WindowBits-1:0] window_q;
  logic sticky2_q;

  always_comb begin
    groups_d = 3'(Groups - 1);
    coarse = magnitude_q << ((Groups - 1) * GroupBits);
    for (int unsigned i = 1; i < Groups; i++) begin
      if (magnitude_q[GroupBits*i+:GroupBits] != '0) begin
        groups_d = 3'(Groups - 1 - i);
        coarse = magnitude_q << ((Groups - 1 - i) * GroupBits);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) begin
      s2_q <= s1_q;
      groups_q <= groups_d;
      window_q <= coarse[AccBits-1-:WindowBits];
      sticky2_q <= |coarse[AccBits-WindowBits-1:0];
    end
  end

  // Stage 3
  side_t s3_q;
  logic [3:0] zeros;
  logic [WindowBits-1:0] fine;
  logic [7:0] exp_q;
  logic [22:0] man_q;
  logic zero_q, guard_q, sticky3_q;

  always_comb begin
    zeros = '0;
    for (int unsigned i = 0; i < GroupBits; i++) begin
      if (window_q[WindowBits-GroupBits+i]) zeros = 4'(GroupBits - 1 - i);
    end
    fine = window_q << zeros;
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[1]) begin
      s3_q <= s2_q;
      exp_q <= TopExp - {1'b0, groups_q, zeros};
      zero_q <= !fine[WindowBits-1];
      man_q <= fine[WindowBits-2-:23];
      guard_q <= fine[WindowBits-25];
      sticky3_q <= sticky2_q || (|fine[WindowBits-26:0]);
    end
  end

  // Stage 4
  logic [30:0] rounded;
  logic [31:0] y_d, y_q;

  always_comb begin
    rounded = {exp_q, man_q} + {30'b0, guard_q && (sticky3_q || man_q[0])};
    y_d = {s3_q.sign, rounded};
    if (s3_q.is_nan) y_d = Fp32Nan;
    else if (s3_q.is_inf) y_d = {s3_q.sign, Fp32PosInf[30:0]};
    else if (zero_q) y_d = '0;
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[2]) y_q <= y_d;
  end

  assign valid_o = valid_q[AccToFpLatency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(NoNegativeZero, valid_o |-> y_o != 32'h8000_0000)

endmodule

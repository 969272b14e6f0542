// Proof of fvgm_dspe_acc beside reference accumulators of full width: one of 96 bits for FP16, one
// of 32 bits for each INT8 lane.
//
// For any stimulus at full width, any pattern of valid_i and last_i, resets at any time:
//   Lanes = 1   an INT8 result is, in each of its two lanes, the sum of that lane's own addends;
//   Lanes = 0   an FP16 result, flags included, is the sum of exactly the steps since the last_i
//               before it: none is lost, none counts twice.
// Both: a result comes 3 cycles after its last_i, in no other cycle, and holds. The precision may
// change at each last_i. Assumed: it does not change within a sum; an INT8 x_i is S0 + 2^18 S1 with
// S0 and S1 sums of eight products of bytes, -8*127*128 to 8*128*128. Method: induction of depth 3,
// so unbounded.
//
// Cover = 1, 2, ...: the assertion says instead that an event cannot be; a counterexample shows
// that it can, within the assumptions. Inner = 0 leaves out the assertions on registers of the RTL,
// which only the induction needs.
module fvgm_dspe_acc_formal
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
#(
  parameter bit Lanes = 1'b1,
  parameter bit Inner = 1'b1,
  parameter int unsigned Cover = 0
) (
  input logic clk_i,
  input logic rst_ni,
  input logic valid_i,
  input logic last_i,
  input logic int8_i,
  input logic [2:0] flags_i,
  input logic signed [18:0] s0_i,
  input logic signed [18:0] s1_i,
  input logic [DspeAccBits-1:0] fp16_i
);

  localparam logic signed [18:0] Least = -19'sd130048;
  localparam logic signed [18:0] Greatest = 19'sd131072;

  // Sums under way, of the steps until now.
  typedef struct packed {
    logic open;  // there is a step in it
    logic int8;
    logic [2:0] flags;
    logic [1:0][31:0] lanes;
    logic [DspeAccBits-1:0] fp16;
  } sums_t;

  logic [DspeAccBits-1:0] x;
  lane_t drain;

  assign x = int8_i ? DspeAccBits'(s0_i) + (DspeAccBits'(s1_i) << 18) : fp16_i;

  fvgm_dspe_acc dut (
    .clk_i,
    .rst_ni,
    .valid_i,
    .last_i,
    .precision_i(int8_i ? PrecInt8 : PrecFp16),
    .flags_i,
    .x_i(x),
    .drain_o(drain)
  );

  sums_t sums, sums_q, sums1_q, sums2_q;  // with this step; before it; one and two cycles earlier
  sums_t due1_q, due2_q, held_q;          // results under way (open: there is one); the one shown
  logic seen_reset_q;
  logic [2:0] steps_q;                    // of the sum under way, for the events
  logic idle_q, last_q, last_int8_q, ending;
  logic [2:0] event_q;                    // [2]: its result stands in the drain register

  initial begin
    seen_reset_q = 1'b0;
    held_q = '0;
    event_q = '0;
  end

  always_comb begin
    sums = sums_q;
    sums.open = 1'b1;
    sums.int8 = int8_i;
    sums.flags = sums_q.flags | flags_i;
    if (int8_i) begin
      sums.lanes[0] = sums_q.lanes[0] + 32'(s0_i);
      sums.lanes[1] = sums_q.lanes[1] + 32'(s1_i);
    end else begin
      sums.fp16 = sums_q.fp16 + fp16_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      seen_reset_q <= 1'b1;
      {sums_q, sums1_q, sums2_q, due1_q, due2_q} <= '0;
    end else begin
      if (valid_i) sums_q <= last_i ? '0 : sums;
      sums1_q <= sums_q;
      sums2_q <= sums1_q;
      due1_q <= (valid_i && last_i) ? sums : '0;
      due2_q <= due1_q;
    end
    // A result that is in its last cycle comes out, reset or not.
    if (seen_reset_q && due2_q.open) held_q <= due2_q;
  end

  always_comb begin
    assume (s0_i >= Least && s0_i <= Greatest);
    assume (s1_i >= Least && s1_i <= Greatest);
    if (valid_i && sums_q.open) assume (int8_i == sums_q.int8);
  end

  if (Cover == 0) begin : g_proof
    always_comb begin
      if (seen_reset_q) begin
        if (held_q.open && held_q.int8 && Lanes) begin
          assert (drain.acc[31:0] == held_q.lanes[0]);
          assert (drain.acc[63:32] == held_q.lanes[1]);
        end
        if (held_q.open && !held_q.int8 && !Lanes) begin
          assert (drain.acc == held_q.fp16);
          assert ({drain.nan, drain.pinf, drain.ninf} == held_q.flags);
        end
        // What makes it inductive: segment i of the accumulator is i cycles behind.
        if (Inner) begin
          assert (sums_q.open || sums_q == '0);
          assert (sums1_q.open || sums1_q == '0);
          assert (sums2_q.open || sums2_q == '0);
          assert (dut.acc_q[0] == (sums_q.int8 ? sums_q.lanes[0] : sums_q.fp16[31:0]));
          assert (dut.acc_q[1] == (sums1_q.int8 ? sums1_q.lanes[1] : sums1_q.fp16[63:32]));
          if (!sums2_q.int8) assert (dut.acc_q[2] == sums2_q.fp16[95:64]);
          assert (dut.flags_q == sums2_q.flags);
        end
      end else begin
        assert (!held_q.open);
      end
    end
  end

  // Events that the assumptions must leave possible.
  assign ending = rst_ni && seen_reset_q && valid_i && last_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      {steps_q, idle_q, last_q} <= '0;
    end else begin
      if (valid_i) steps_q <= last_i ? '0 : steps_q + 3'd1;
      if (valid_i) idle_q <= 1'b0;
      else if (steps_q != '0) idle_q <= 1'b1;
      last_q <= valid_i && last_i;
      if (valid_i && last_i) last_int8_q <= int8_i;
    end
    event_q[2:1] <= event_q[1:0] & {2{rst_ni}};
    case (Cover)
      1: event_q[0] <= ending && last_q;                                // one last_i after another
      2: event_q[0] <= ending && steps_q == 3'd2 && idle_q;             // an idle cycle in a sum
      3: event_q[0] <= ending && last_q && !last_int8_q && int8_i;      // INT8 right after FP16
      4: event_q[0] <= ending && last_q && last_int8_q && !int8_i;      // FP16 right after INT8
      5: event_q[0] <= ending && int8_i && s0_i == Greatest && s1_i == Least;
      6: event_q[0] <= ending && steps_q == 3'd1 && int8_i && sums.lanes[0][31]
                       && !sums.lanes[1][31];                           // lanes of either sign
      7: event_q[0] <= ending && steps_q == 3'd1 && !int8_i && !sums.fp16[95]
                       && sums_q.fp16[95] && sums.flags == 3'b110;      // a carry through it all
      default: event_q[0] <= 1'b0;
    endcase
  end

  if (Cover != 0) begin : g_cover
    always_comb if (seen_reset_q && held_q.open) assert (!event_q[2]);
  end

endmodule

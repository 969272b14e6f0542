// Proof of fvgm_dspe_shift beside one wide shift: aligned_o is, three cycles after its operands,
// sum_i * 2^(shift_i - 27) rounded down, modulo 2^96, for every sum and every shift.
//
// Assumed: nothing. Method: induction of depth 3, so unbounded.
module fvgm_dspe_shift_formal
  import fvgm_dspe_pkg::*;
(
  input logic clk_i,
  input logic [5:0] shift_i,
  input logic signed [DspeSumBits-1:0] sum_i
);

  localparam int unsigned Wide = DspeSumBits + 63;

  logic [DspeAccBits-1:0] aligned;
  logic signed [Wide-1:0] wide;
  logic [2:0][DspeAccBits-1:0] wanted_q;
  logic [1:0] cycles_q;

  fvgm_dspe_shift dut (
    .clk2x_i(clk_i),
    .shift_i,
    .sum_i,
    .aligned_o(aligned)
  );

  initial cycles_q = '0;

  assign wide = Wide'(sum_i) << shift_i;

  always_ff @(posedge clk_i) begin
    wanted_q <= {wanted_q[1:0], DspeAccBits'(wide >>> DspeSumShift)};
    if (cycles_q != 2'd3) cycles_q <= cycles_q + 2'd1;
  end

  always_comb if (cycles_q == 2'd3) assert (aligned == wanted_q[2]);

endmodule

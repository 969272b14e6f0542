// FP32 multiplier: y = a * b, round to nearest even (f32_mul in models/numerics.py).
//
// A subnormal operand counts as zero of its sign; a result whose magnitude rounds to less than 2^-126
// is zero of its sign; overflow is infinity; every NaN result is 0x7FC00000.
// Latency fvgm_fp_pkg::FpMulLatency = 3, one product per cycle. No error outputs.
`include "fvgm_assert.svh"

module fvgm_fp32_mul
  import fvgm_fp_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  logic [31:0] a_i,
    input  logic [31:0] b_i,
    output logic        valid_o,
    output logic [31:0] y_o
);

  logic [FpMulLatency-1:0] valid_q;
  logic [31:0] p;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FpMulLatency-2:0], valid_i};
  end

  fvgm_dspfp32 #(
      .Add(1'b0)
  ) u_dsp (
      .clk_i,
      .ce_i({valid_q[FpMulLatency-2:0], valid_i}),
      .a_i,
      .b_i,
      .p_o(p)
  );

  assign valid_o = valid_q[FpMulLatency-1];
  assign y_o = fp32_unsigned_nan(p);

  `FVGM_ASSERT(NoSubnormalResult, valid_o |-> (y_o[30:23] != '0 || y_o[22:0] == '0))
  `FVGM_ASSERT(NanIsCanonical, valid_o && fp32_is_nan(y_o) |-> y_o == Fp32Nan)

endmodule

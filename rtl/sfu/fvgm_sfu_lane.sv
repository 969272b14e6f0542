// One lane of the sfu: FP32 -> [+ c0] -> [* c1 or itself] -> [exp2 | gelu gate] -> [* a or gate]
// -> [+ b] -> y, and y as FP16.
//
// A step is bypassed by its neutral operand: -0 for a sum, 1 for a product; both keep every
// canonical FP32 value (no subnormals, NaN 0x7FC00000) as it is. Operands are taken in the cycle
// of their stage (fvgm_sfu_pkg::Stage*, counted from valid_i). `b_i` at StageAdd2.
// Outputs: y_o at StageSum; f16_o at StageOut, if asked for.
// One value per cycle. No error outputs.
module fvgm_sfu_lane
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              valid_i,
    input  logic       [31:0] x_i,
    input  lane_ctrl_t        ctrl_i,
    input  logic       [31:0] a_i,
    input  logic       [31:0] b_i,
    output logic       [31:0] y_o,
    output logic       [15:0] f16_o
);

  logic add1_valid, mul1_valid, fn_valid, mul2_valid, y_valid;
  logic unused_f16_valid;
  logic [31:0] add1, mul1, fn_out, gate_out, mul2;

  fvgm_fp32_add u_add1 (
      .clk_i,
      .rst_ni,
      .valid_i,
      .a_i(x_i),
      .b_i(ctrl_i.c0),
      .valid_o(add1_valid),
      .y_o(add1)
  );

  fvgm_fp32_mul u_mul1 (
      .clk_i,
      .rst_ni,
      .valid_i(add1_valid),
      .a_i(add1),
      .b_i(ctrl_i.square ? add1 : ctrl_i.c1),
      .valid_o(mul1_valid),
      .y_o(mul1)
  );

  fvgm_sfu_fn u_fn (
      .clk_i,
      .rst_ni,
      .valid_i(mul1_valid),
      .fn_i(ctrl_i.fn),
      .v_i(mul1),
      .valid_o(fn_valid),
      .v_o(fn_out),
      .gate_o(gate_out)
  );

  fvgm_fp32_mul u_mul2 (
      .clk_i,
      .rst_ni,
      .valid_i(fn_valid),
      .a_i(fn_out),
      .b_i(ctrl_i.gate ? gate_out : a_i),
      .valid_o(mul2_valid),
      .y_o(mul2)
  );

  fvgm_fp32_add u_add2 (
      .clk_i,
      .rst_ni,
      .valid_i(mul2_valid),
      .a_i(mul2),
      .b_i(b_i),
      .valid_o(y_valid),
      .y_o
  );

  fvgm_fp32_to_fp16 u_to_f16 (
      .clk_i,
      .rst_ni,
      .valid_i(y_valid && ctrl_i.to_f16),
      .a_i(y_o),
      .valid_o(unused_f16_valid),
      .y_o(f16_o)
  );

endmodule

// One lane: f16(c1 + k * (c1 - c2)), each step one FP32 operation of docs/numerics.md.
//
// take_i: c1_i and c2_i (FP16) are an element; valid_i follows it one cycle later, k_i
// 1 + FpAddLatency cycles later.
// Latency from take_i to y_o 14 cycles, throughput an element per cycle. Errors: none.
module fvgm_ru_lane
  import fvgm_fp_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        take_i,
  input  logic [15:0] c1_i,
  input  logic [15:0] c2_i,
  input  logic        valid_i,
  input  logic [31:0] k_i,
  output logic        valid_o,
  output logic [15:0] y_o
);

  localparam int unsigned Fp16Bits = 19;  // top bits of an FP16 number in FP32; the rest is 0

  logic [31:0] c1, c2;
  logic [Fp16Bits-1:0] c1_q, c2_q, c1_late;
  logic sub_valid, mul_valid, add_valid;
  logic [31:0] sub, mul, add;

  fvgm_fp16_to_fp32 u_c1 (
    .a_i(c1_i),
    .y_o(c1)
  );

  fvgm_fp16_to_fp32 u_c2 (
    .a_i(c2_i),
    .y_o(c2)
  );

  // The sign of a NaN does not matter: every NaN result is the canonical one.
  always_ff @(posedge clk_i) begin
    if (take_i) begin
      c1_q <= c1[31-:Fp16Bits];
      c2_q <= {~c2[31], c2[30-:Fp16Bits-1]};
    end
  end

  fvgm_fp32_add u_sub (
    .clk_i,
    .rst_ni,
    .valid_i,
    .a_i({c1_q, 13'b0}),
    .b_i({c2_q, 13'b0}),
    .valid_o(sub_valid),
    .y_o(sub)
  );

  fvgm_fp32_mul u_mul (
    .clk_i,
    .rst_ni,
    .valid_i(sub_valid),
    .a_i(k_i),
    .b_i(sub),
    .valid_o(mul_valid),
    .y_o(mul)
  );

  fvgm_ru_delay #(
    .Width(Fp16Bits),
    .Stages(FpAddLatency + FpMulLatency)
  ) u_c1_late (
    .clk_i,
    .data_i(c1_q),
    .data_o(c1_late)
  );

  fvgm_fp32_add u_add (
    .clk_i,
    .rst_ni,
    .valid_i(mul_valid),
    .a_i({c1_late, 13'b0}),
    .b_i(mul),
    .valid_o(add_valid),
    .y_o(add)
  );

  fvgm_fp32_to_fp16 u_to_f16 (
    .clk_i,
    .rst_ni,
    .valid_i(add_valid),
    .a_i(add),
    .valid_o,
    .y_o
  );

  logic unused;
  assign unused = ^{c1[12:0], c2[12:0]};

endmodule

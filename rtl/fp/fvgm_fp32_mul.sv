// FP32 multiplier: y = a * b, round to nearest even (f32_mul in models/numerics.py).
//
// A subnormal operand counts as zero of its sign; a result whose exact magnitude is below 2^-126
// is zero of its sign; overflow is infinity; every NaN result is 0x7FC00000.
// Latency fvgm_fp_pkg::FpMulLatency = 3, one product per cycle. No error outputs.
//
// Stages: 1 unpack and classify, 2 significand product, 3 normalise, round and pack.
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

  typedef struct packed {
    logic sign;
    logic is_nan;
    logic is_inf;
    logic zero;
    logic signed [9:0] exp;  // biased exponent if the product is below 2, before the range check
  } side_t;

  logic [FpMulLatency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FpMulLatency-2:0], valid_i};
  end

  // Stage 1
  fp32_t a, b;
  side_t s1_d, s1_q;
  logic [23:0] a_sig_q, b_sig_q;

  assign a = a_i;
  assign b = b_i;

  always_comb begin
    s1_d.sign = a.sign ^ b.sign;
    s1_d.zero = fp32_is_zero(a) || fp32_is_zero(b);
    s1_d.is_inf = fp32_is_inf(a) || fp32_is_inf(b);
    s1_d.is_nan = fp32_is_nan(a) || fp32_is_nan(b) || (s1_d.is_inf && s1_d.zero);
    s1_d.exp = $signed({2'b0, a.exp}) + $signed({2'b0, b.exp}) - 10'sd127;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      s1_q <= s1_d;
      a_sig_q <= {1'b1, a.man};
      b_sig_q <= {1'b1, b.man};
    end
  end

  // Stage 2
  side_t s2_q;
  logic [47:0] product_q;

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) begin
      s2_q <= s1_q;
      product_q <= a_sig_q * b_sig_q;
    end
  end

  // Stage 3
  logic guard, sticky, round_up, tiny;
  logic [22:0] man;
  logic signed [9:0] exp;
  logic [32:0] rounded;  // 10 bits of exponent, 23 of significand; a carry moves on by itself
  logic [31:0] y_d, y_q;

  always_comb begin
    if (product_q[47]) begin
      man = product_q[46:24];
      guard = product_q[23];
      sticky = |product_q[22:0];
    end else begin
      man = product_q[45:23];
      guard = product_q[22];
      sticky = |product_q[21:0];
    end
    exp = s2_q.exp + $signed({9'b0, product_q[47]});
    tiny = exp < 10'sd1;
    round_up = guard && (sticky || man[0]);
    rounded = {exp, man} + {32'b0, round_up};

    y_d = {s2_q.sign, rounded[30:0]};
    if (s2_q.is_nan) y_d = Fp32Nan;
    else if (s2_q.is_inf) y_d = {s2_q.sign, Fp32PosInf[30:0]};
    else if (s2_q.zero || tiny) y_d = {s2_q.sign, 31'b0};
    else if (rounded[32:23] >= 10'd255) y_d = {s2_q.sign, Fp32PosInf[30:0]};
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[1]) y_q <= y_d;
  end

  assign valid_o = valid_q[FpMulLatency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(NoSubnormalResult, valid_o |-> (y_o[30:23] != '0 || y_o[22:0] == '0))

endmodule

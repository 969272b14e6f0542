// FP32 to FP16, round to nearest even (f32_to_f16 in models/numerics.py).
//
// Gradual underflow; overflow is infinity; NaN becomes 0x7E00.
// Latency fvgm_fp_pkg::FpToF16Latency = 2, one conversion per cycle. No error outputs.
//
// Stages: 1 rebias, shift subnormal results; 2 round and pack.
`include "fvgm_assert.svh"

module fvgm_fp32_to_fp16
  import fvgm_fp_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  logic [31:0] a_i,
    output logic        valid_o,
    output logic [15:0] y_o
);

  localparam logic [7:0] MinNormalExp = 8'd113;  // 2^-14
  localparam logic [7:0] OverflowExp = 8'd143;  // 2^16

  typedef struct packed {
    logic sign;
    logic is_nan;
    logic is_inf;
    logic [14:0] bits;  // exponent and significand before rounding
    logic guard;
    logic sticky;
  } side_t;

  logic [FpToF16Latency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FpToF16Latency-2:0], valid_i};
  end

  // Stage 1
  fp32_t a;
  side_t s1_d, s1_q;
  logic subnormal;
  logic [3:0] distance;
  logic [7:0] below;
  logic [34:0] shifted;  // 10 bits of significand, guard, 24 bits that only count as sticky

  assign a = a_i;

  always_comb begin
    subnormal = a.exp < MinNormalExp;
    below = MinNormalExp - a.exp;
    distance = 4'd0;
    // 12 places leave nothing but sticky bits, so does any longer way (a zero has none).
    if (subnormal) distance = (below > 8'd12) ? 4'd12 : below[3:0];
    shifted = 35'({a.exp != '0, a.man, 12'b0} >> distance);

    s1_d.sign = a.sign;
    s1_d.is_nan = fp32_is_nan(a);
    s1_d.is_inf = a.exp >= OverflowExp;
    // Rebias by -112, which is 16 modulo 32.
    s1_d.bits = {subnormal ? 5'b0 : a.exp[4:0] + 5'd16, shifted[34:25]};
    s1_d.guard = shifted[24];
    s1_d.sticky = |shifted[23:0];
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) s1_q <= s1_d;
  end

  // Stage 2: a carry out of the significand raises the exponent, up to infinity
  logic [14:0] rounded;
  logic [15:0] y_d, y_q;

  always_comb begin
    rounded = s1_q.bits + {14'b0, s1_q.guard && (s1_q.sticky || s1_q.bits[0])};
    y_d = {s1_q.sign, rounded};
    if (s1_q.is_nan) y_d = Fp16Nan;
    else if (s1_q.is_inf) y_d = {s1_q.sign, 15'h7C00};
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) y_q <= y_d;
  end

  assign valid_o = valid_q[FpToF16Latency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(NanIsCanonical, valid_o && y_o[14:0] > 15'h7C00 |-> y_o == Fp16Nan)

endmodule

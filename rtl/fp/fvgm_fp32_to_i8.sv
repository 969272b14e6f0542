// FP32 to INT8: nearest even integer, saturated at -127 and 127 (f32_to_i8 in
// models/numerics.py). NaN becomes 0; infinities saturate.
// Latency fvgm_fp_pkg::FpToI8Latency = 2, one conversion per cycle. No error outputs.
//
// Stages: 1 align to the binary point; 2 round, saturate, apply the sign.
`include "fvgm_assert.svh"

module fvgm_fp32_to_i8
  import fvgm_fp_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  logic [31:0] a_i,
    output logic        valid_o,
    output logic [ 7:0] y_o
);

  localparam logic [7:0] TopExp = 8'd133;  // 64 <= |a| < 128: seven integer bits

  typedef struct packed {
    logic sign;
    logic is_nan;
    logic saturate;
    logic [6:0] integer_bits;
    logic guard;
    logic sticky;
  } side_t;

  logic [FpToI8Latency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FpToI8Latency-2:0], valid_i};
  end

  // Stage 1
  fp32_t a;
  side_t s1_d, s1_q;
  logic [3:0] distance;
  logic [7:0] below;
  logic [31:0] shifted;  // 7 integer bits, guard, 24 bits that only count as sticky

  assign a = a_i;

  always_comb begin
    below = TopExp - a.exp;
    // 8 places bring the leading one below the guard bit: the result is 0, as for any longer way.
    distance = (below > 8'd8) ? 4'd8 : below[3:0];
    shifted = {1'b1, a.man, 8'b0} >> distance;

    s1_d.sign = a.sign;
    s1_d.is_nan = fp32_is_nan(a);
    s1_d.saturate = a.exp > TopExp;
    s1_d.integer_bits = shifted[31:25];
    s1_d.guard = shifted[24];
    s1_d.sticky = |shifted[23:0];
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) s1_q <= s1_d;
  end

  // Stage 2
  logic [7:0] rounded, magnitude, y_d, y_q;

  always_comb begin
    rounded = {1'b0, s1_q.integer_bits} +
        {7'b0, s1_q.guard && (s1_q.sticky || s1_q.integer_bits[0])};
    magnitude = (s1_q.saturate || rounded[7]) ? 8'd127 : rounded;
    y_d = s1_q.sign ? 8'd0 - magnitude : magnitude;
    if (s1_q.is_nan) y_d = '0;
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) y_q <= y_d;
  end

  assign valid_o = valid_q[FpToI8Latency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(Symmetric, valid_o |-> y_o != 8'h80)

endmodule

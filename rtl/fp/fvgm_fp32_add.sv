// FP32 adder: y = a + b, round to nearest even (f32_add in models/numerics.py).
//
// A subnormal operand counts as zero of its sign; a result of magnitude below 2^-126 is zero of
// its sign; x + (-x) is +0; overflow is infinity; every NaN result is 0x7FC00000.
// Latency fvgm_fp_pkg::FpAddLatency = 4, one sum per cycle. No error outputs.
//
// Stages: 1 unpack, order by magnitude; 2 align the smaller; 3 add or subtract, count leading
// zeros; 4 normalise, round, pack. Only results that need a left shift of at most one place can
// be inexact, so rounding and the long left shift are parallel in stage 4.
`include "fvgm_assert.svh"

module fvgm_fp32_add
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
    logic sign;  // of the operand of greater magnitude
    logic zero_sign;  // of an exact zero
    logic is_nan;
    logic is_inf;
    logic [7:0] exp;  // of the operand of greater magnitude
  } side_t;

  logic [FpAddLatency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FpAddLatency-2:0], valid_i};
  end

  // Stage 1
  fp32_t a, b, major, minor;
  logic a_is_major, subtract, subtract1_q;
  side_t s1_d, s1_q;
  logic [7:0] distance_d, distance_q;
  logic [23:0] major1_q, minor_q;

  assign a = a_i;
  assign b = b_i;

  always_comb begin
    a_is_major = a_i[30:0] >= b_i[30:0];
    subtract = a.sign ^ b.sign;
    major = a_is_major ? a : b;
    minor = a_is_major ? b : a;
    distance_d = a_is_major ? a.exp - b.exp : b.exp - a.exp;

    s1_d.sign = major.sign;
    s1_d.zero_sign = a.sign && b.sign;
    s1_d.is_inf = fp32_is_inf(a) || fp32_is_inf(b);
    s1_d.is_nan = fp32_is_nan(a) || fp32_is_nan(b) ||
        (fp32_is_inf(a) && fp32_is_inf(b) && subtract);
    s1_d.exp = major.exp;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      s1_q <= s1_d;
      subtract1_q <= subtract;
      distance_q <= distance_d;
      major1_q <= fp32_is_zero(major) ? 24'b0 : {1'b1, major.man};
      minor_q <= fp32_is_zero(minor) ? 24'b0 : {1'b1, minor.man};
    end
  end

  // Stage 2: 24 bits, guard, round and sticky bit
  side_t s2_q;
  logic subtract2_q;
  logic [23:0] major2_q;
  logic far;
  logic [49:0] shifted;
  logic [26:0] aligned_d, aligned_q;

  always_comb begin
    far = distance_q > 8'd25;  // all of it is below the round bit
    shifted = {minor_q, 26'b0} >> distance_q[4:0];
    aligned_d = far ? {26'b0, |minor_q} : {shifted[49:24], |shifted[23:0]};
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) begin
      s2_q <= s1_q;
      subtract2_q <= subtract1_q;
      major2_q <= major1_q;
      aligned_q <= aligned_d;
    end
  end

  // Stage 3
  side_t s3_q;
  logic [27:0] total_d, total_q;
  logic [4:0] zeros_d, zeros_q;  // leading zeros of total[26:0]; meaningless if all are zero

  always_comb begin
    total_d = subtract2_q ? {1'b0, major2_q, 3'b0} - {1'b0, aligned_q}
                          : {1'b0, major2_q, 3'b0} + {1'b0, aligned_q};
    zeros_d = '0;
    for (int unsigned i = 0; i < 27; i++) begin
      if (total_d[i]) zeros_d = 5'(26 - i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[1]) begin
      s3_q <= s2_q;
      total_q <= total_d;
      zeros_q <= zeros_d;
    end
  end

  // Stage 4
  logic guard, sticky, round_up;
  logic [22:0] man;
  logic [22:0] long_man;
  logic signed [9:0] near_exp, long_exp;
  logic [32:0] rounded;  // 10 bits of exponent, 23 of significand; a carry moves on by itself
  logic [31:0] y_d, y_q;

  always_comb begin
    near_exp = $signed({2'b0, s3_q.exp});
    if (total_q[27]) begin
      man = total_q[26:4];
      guard = total_q[3];
      sticky = |total_q[2:0];
      near_exp = near_exp + 10'sd1;
    end else if (total_q[26]) begin
      man = total_q[25:3];
      guard = total_q[2];
      sticky = |total_q[1:0];
    end else begin
      man = total_q[24:2];
      guard = total_q[1];
      sticky = total_q[0];
      near_exp = near_exp - 10'sd1;
    end
    round_up = guard && (sticky || man[0]);
    rounded = {near_exp, man} + {32'b0, round_up};

    long_man = 23'((total_q[25:0] << zeros_q) >> 3);
    long_exp = $signed({2'b0, s3_q.exp}) - $signed({5'b0, zeros_q});

    y_d = {s3_q.sign, rounded[30:0]};
    if (s3_q.is_nan) begin
      y_d = Fp32Nan;
    end else if (s3_q.is_inf) begin
      y_d = {s3_q.sign, Fp32PosInf[30:0]};
    end else if (total_q == '0) begin
      y_d = {s3_q.zero_sign, 31'b0};
    end else if (total_q[27:25] == '0) begin
      y_d = {s3_q.sign, (long_exp < 10'sd1) ? 31'b0 : {long_exp[7:0], long_man}};
    end else if (near_exp < 10'sd1) begin
      y_d = {s3_q.sign, 31'b0};
    end else if (rounded[32:23] >= 10'd255) begin
      y_d = {s3_q.sign, Fp32PosInf[30:0]};
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[2]) y_q <= y_d;
  end

  assign valid_o = valid_q[FpAddLatency-1];
  assign y_o = y_q;

  `FVGM_ASSERT(NoSubnormalResult, valid_o |-> (y_o[30:23] != '0 || y_o[22:0] == '0))

endmodule

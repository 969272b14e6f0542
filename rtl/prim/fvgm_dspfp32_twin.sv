// Behavioural, synthesizable twin of AMD's DSPFP32 as fvgm_dspfp32 configures it, written from the
// manual AM004: p_o = a_i * b_i, or with Add a_i + b_i, rounded to nearest even.
//
// A subnormal operand counts as zero of its sign; a result of magnitude below 2^-126 is zero of its
// sign; x + (-x) is +0; overflow is infinity. A NaN is 0x7FC00000 with some sign, that of the
// product or of the greater operand: users must not rely on it (docs/prim.md).
//
// Stages of a product: unpack and classify; product of the significands; normalise, round, pack. Of
// a sum: unpack, order by magnitude; align the smaller; add or subtract, count leading zeros;
// normalise, round, pack. Only sums that need a left shift of at most one place can be inexact, so
// rounding and the long left shift are parallel.
module fvgm_dspfp32_twin
  import fvgm_fp_pkg::*;
#(
    parameter bit Add = 1'b0,
    localparam int unsigned Latency = Add ? FpAddLatency : FpMulLatency
) (
    input  logic               clk_i,
    input  logic [Latency-1:0] ce_i,
    input  logic [       31:0] a_i,
    input  logic [       31:0] b_i,
    output logic [       31:0] p_o
);

  if (Add) begin : gen_add
    typedef struct packed {
      logic sign;  // of the operand of greater magnitude
      logic zero_sign;  // of an exact zero
      logic is_nan;
      logic is_inf;
      logic [7:0] exp;  // of the operand of greater magnitude
    } side_t;

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
      if (ce_i[0]) begin
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
      if (ce_i[1]) begin
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
      if (ce_i[2]) begin
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
        y_d = {s3_q.sign, Fp32Nan[30:0]};
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
      if (ce_i[3]) y_q <= y_d;
    end

    assign p_o = y_q;
  end else begin : gen_mul
    typedef struct packed {
      logic sign;
      logic is_nan;
      logic is_inf;
      logic zero;
      logic signed [9:0] exp;  // biased exponent if the product is below 2, before the range check
    } side_t;

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
      if (ce_i[0]) begin
        s1_q <= s1_d;
        a_sig_q <= {1'b1, a.man};
        b_sig_q <= {1'b1, b.man};
      end
    end

    // Stage 2
    side_t s2_q;
    logic [47:0] product_q;

    always_ff @(posedge clk_i) begin
      if (ce_i[1]) begin
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
      round_up = guard && (sticky || man[0]);
      rounded = {exp, man} + {32'b0, round_up};
      tiny = $signed(rounded[32:23]) < 10'sd1;

      y_d = {s2_q.sign, rounded[30:0]};
      if (s2_q.is_nan) y_d = {s2_q.sign, Fp32Nan[30:0]};
      else if (s2_q.is_inf) y_d = {s2_q.sign, Fp32PosInf[30:0]};
      else if (s2_q.zero || tiny) y_d = {s2_q.sign, 31'b0};
      else if (rounded[32:23] >= 10'd255) y_d = {s2_q.sign, Fp32PosInf[30:0]};
    end

    always_ff @(posedge clk_i) begin
      if (ce_i[2]) y_q <= y_d;
    end

    assign p_o = y_q;
  end

endmodule

// FP32 reciprocal and reciprocal square root (recip and rsqrt in models/sfu_functions.py).
//
// rsqrt_i 0: 1/x: zero gives infinity of its sign, infinity zero of its sign. rsqrt_i 1:
// 1/sqrt(x): a zero of either sign gives +infinity, a negative number NaN. Subnormal arguments
// count as zero, results below 2^-126 are zero.
// Latency fvgm_sfu_pkg::FnLatency = 6, one value per cycle. No error outputs.
//
// Stages: 1 classify, segment; 2..5 polynomial; 6 round and pack.
module fvgm_sfu_inv
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
  import fvgm_sfu_rom_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  logic        rsqrt_i,
    input  logic [31:0] x_i,
    output logic        valid_o,
    output logic [31:0] y_o
);

  typedef struct packed {
    logic sign;
    logic is_nan;  // the result is NaN
    logic is_inf;  // ... infinity
    logic is_zero;  // ... zero
    logic signed [9:0] exp;  // biased exponent of a result below the next power of two
  } side_t;

  logic [FnLatency-1:0] valid_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FnLatency-2:0], valid_i};
  end

  // Stage 1
  fp32_t x;
  side_t side_d;
  side_t side_q[FnLatency-1];
  logic odd, negative;
  logic signed [9:0] half;
  logic [7:0] index_d, index_q;
  logic [PwqStepBits-1:0] step_d, step_q;

  assign x = x_i;

  always_comb begin
    odd = !x.exp[0];  // of the exponent without bias
    negative = rsqrt_i && x.sign && !fp32_is_zero(x);
    half = ($signed({2'b0, x.exp}) - 10'sd127 - $signed({9'b0, odd})) >>> 1;

    side_d.sign = x.sign && !rsqrt_i;
    side_d.is_nan = fp32_is_nan(x) || negative;
    side_d.is_inf = fp32_is_zero(x);
    side_d.is_zero = fp32_is_inf(x);
    side_d.exp = rsqrt_i ? 10'sd126 - half : 10'sd253 - $signed({2'b0, x.exp});
    index_d = rsqrt_i ? {1'b1, odd, x.man[22:17]} : {1'b0, x.man[22:16]};
    step_d = rsqrt_i ? {x.man[16:0], 1'b0} : {x.man[15:0], 2'b0};
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      side_q[0] <= side_d;
      index_q <= index_d;
      step_q <= step_d;
    end
    for (int unsigned i = 1; i < FnLatency - 1; i++) begin
      if (valid_q[i-1]) side_q[i] <= side_q[i-1];
    end
  end

  // Stages 2 to 5
  logic [PwqC0Bits-1:0] y;
  logic unused_valid;

  fvgm_sfu_pwq #(
      .Scalar(1'b1)
  ) u_pwq (
      .clk_i,
      .rst_ni,
      .valid_i(valid_q[0]),
      .index_i(index_q),
      .d_i(step_q),
      .valid_o(unused_valid),
      .y_o(y)
  );

  // Stage 6: y is in (1/2, 1]
  side_t s;
  logic is_one, carry, unused_y;
  logic [23:0] man;  // and the carry of its rounding
  logic signed [9:0] exp;
  logic [31:0] y_d, y_q;

  assign s = side_q[FnLatency-2];
  assign unused_y = ^y[1:0];

  always_comb begin
    is_one = y[28:27] != '0;
    man = is_one ? 24'b0 : {1'b0, y[25:3]} + {23'b0, y[2]};
    carry = is_one || (y[26] && man[23]);
    exp = s.exp + $signed({9'b0, carry});
    y_d = {s.sign, exp[7:0], man[22:0]};
    if (s.is_nan) y_d = Fp32Nan;
    else if (s.is_inf) y_d = {s.sign, Fp32PosInf[30:0]};
    else if (s.is_zero || exp < 10'sd1) y_d = {s.sign, 31'b0};
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[FnLatency-2]) y_q <= y_d;
  end

  assign valid_o = valid_q[FnLatency-1];
  assign y_o = y_q;

endmodule

// Function step of a lane (exp2 and gelu_gate in models/sfu_functions.py).
//
// fn_i FnNone: v_o = v_i. FnExp2: v_o = 2^v_i. FnGelu: gate_o = s(v_i) and v_o = v_i, but -0 for
// v_i <= -8, so that v_o * gate_o is gelu(v_i) for infinities too. FP32; gate_o means nothing
// unless FnGelu.
// Latency fvgm_sfu_pkg::FnLatency = 6, one value per cycle. No error outputs.
//
// Stages: 1 align the significand; 2..5 polynomial; 6 normalise and pack.
module fvgm_sfu_fn
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
  import fvgm_sfu_rom_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  fn_e         fn_i,
    input  logic [31:0] v_i,
    output logic        valid_o,
    output logic [31:0] v_o,
    output logic [31:0] gate_o
);

  localparam logic [7:0] TopExp2 = 8'd133;  // 64 <= |v| < 128
  localparam logic [7:0] TopGelu = 8'd129;  // 4 <= |v| < 8
  localparam logic [PwqC0Bits-1:0] One = PwqC0Bits'(1) << PwqFracBits;

  typedef struct packed {
    fn_e fn;
    logic beyond;  // |v| is beyond the table
    logic is_nan;
    logic [31:0] v;
  } side_t;

  logic [FnLatency-1:0] valid_q;
  side_t side_q[FnLatency-1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FnLatency-2:0], valid_i};
  end

  // Stage 1: |v| as 31-bit fixed point, 7 (exp2) or 3 (gelu) integer bits
  function automatic logic [7:0] top_of(fn_e fn);
    return (fn == FnGelu) ? TopGelu : TopExp2;
  endfunction

  function automatic side_t classify(fn_e fn, fp32_t v);
    side_t y;
    y.fn = fn;
    y.v = v;
    y.beyond = v.exp > top_of(fn);
    y.is_nan = fp32_is_nan(v);
    return y;
  endfunction

  function automatic logic [30:0] align(fn_e fn, logic [7:0] exp, logic [22:0] man);
    logic [7:0] distance = top_of(fn) - exp;
    if (exp == '0 || distance > 8'd30) return 31'b0;
    return {1'b1, man, 7'b0} >> distance[4:0];
  endfunction

  logic [30:0] magnitude_q;

  always_ff @(posedge clk_i) begin
    if (valid_i && fn_i != FnNone) magnitude_q <= align(fn_i, v_i[30:23], v_i[22:0]);
    if (valid_i) side_q[0] <= classify(fn_i, v_i);
    for (int unsigned i = 1; i < FnLatency - 1; i++) begin
      if (valid_q[i-1]) side_q[i] <= side_q[i-1];
    end
  end

  // Stages 2 to 5
  logic is_gelu;
  logic [31:0] fixed;  // two's complement, 8 integer bits (exp2)
  logic [7:0] index;
  logic [PwqStepBits-1:0] step;
  logic [7:0] floor_q[PwqLatency];
  logic [PwqC0Bits-1:0] y;
  logic unused_valid;

  assign is_gelu = side_q[0].fn == FnGelu;
  assign fixed = side_q[0].v[31] ? 32'd0 - {1'b0, magnitude_q} : {1'b0, magnitude_q};
  assign index = is_gelu ? {1'b1, magnitude_q[30:24]} : {1'b0, fixed[23:17]};
  assign step = is_gelu ? magnitude_q[23:6] : {fixed[16:0], 1'b0};

  always_ff @(posedge clk_i) begin
    if (valid_q[0]) floor_q[0] <= fixed[31:24];
    for (int unsigned i = 1; i < PwqLatency; i++) begin
      if (valid_q[i]) floor_q[i] <= floor_q[i-1];
    end
  end

  fvgm_sfu_pwq u_pwq (
      .clk_i,
      .rst_ni,
      .valid_i(valid_q[0] && side_q[0].fn != FnNone),
      .index_i(index),
      .d_i(step),
      .valid_o(unused_valid),
      .y_o(y)
  );

  // Stage 6: normalise; the polynomial has 27 fraction bits, of which `power` needs 24
  function automatic logic [31:0] power(logic is_nan, logic beyond, logic negative,
                                        logic [7:0] floor, logic [PwqC0Bits-1:3] value);
    logic [23:0] man = {1'b0, value[26:4]} + {23'b0, value[3]};  // and the carry of the rounding
    logic carry = value[28] || (value[27] && man[23]);
    logic signed [9:0] exp = $signed({{2{floor[7]}}, floor}) + 10'sd127 + $signed({9'b0, carry});
    if (is_nan) return Fp32Nan;
    if (beyond) return negative ? 32'b0 : Fp32PosInf;
    if (exp < 10'sd1) return '0;
    if (exp > 10'sd254) return Fp32PosInf;
    return {1'b0, exp[7:0], man[22:0]};
  endfunction

  function automatic logic [31:0] gate_of(logic beyond, logic negative,
                                          logic [PwqC0Bits-1:0] value);
    logic [PwqC0Bits-1:0] positive = (beyond || value > One) ? One : value;
    logic [PwqC0Bits-1:0] gate = negative ? One - positive : positive;
    logic [4:0] zeros = '0;
    for (int unsigned i = 0; i < 28; i++) begin
      if (gate[i]) zeros = 5'(27 - i);
    end
    if (gate == '0) return '0;
    return {1'b0, 8'd127 - {3'b0, zeros}, 23'((gate << zeros) >> 4)};
  endfunction

  side_t s;
  logic [31:0] v_q, gate_q;

  assign s = side_q[FnLatency-2];

  always_ff @(posedge clk_i) begin
    if (valid_q[FnLatency-2]) begin
      if (s.fn == FnExp2) begin
        v_q <= power(s.is_nan, s.beyond, s.v[31], floor_q[PwqLatency-1], y[PwqC0Bits-1:3]);
      end else if (s.fn == FnGelu && s.beyond && s.v[31] && !s.is_nan) begin
        v_q <= Fp32NegZero;
      end else begin
        v_q <= s.v;
      end
      if (s.fn == FnGelu) gate_q <= gate_of(s.beyond, s.v[31], y);
    end
  end

  assign valid_o = valid_q[FnLatency-1];
  assign v_o = v_q;
  assign gate_o = gate_q;

endmodule

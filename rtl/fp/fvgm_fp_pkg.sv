// Floating point: formats, constants and latencies of rtl/fp (docs/numerics.md).
package fvgm_fp_pkg;

  // Cycles from valid_i to valid_o. Every operator takes one operation per cycle.
  localparam int unsigned FpMulLatency = 3;
  localparam int unsigned FpAddLatency = 4;
  localparam int unsigned FpToF16Latency = 2;
  localparam int unsigned FpToI8Latency = 2;
  localparam int unsigned IntToFpLatency = 2;
  localparam int unsigned AccToFpLatency = 4;

  // Exact FP16 accumulator: two's complement, unit 2^-AccFracBits.
  localparam int unsigned AccBits = 96;
  localparam int unsigned AccFracBits = 48;

  typedef struct packed {
    logic sign;
    logic [7:0] exp;
    logic [22:0] man;
  } fp32_t;

  typedef struct packed {
    logic sign;
    logic [4:0] exp;
    logic [9:0] man;
  } fp16_t;

  localparam logic [31:0] Fp32Nan = 32'h7FC0_0000;
  localparam logic [31:0] Fp32PosInf = 32'h7F80_0000;
  localparam logic [31:0] Fp32NegInf = 32'hFF80_0000;
  localparam logic [31:0] Fp32One = 32'h3F80_0000;
  localparam logic [15:0] Fp16Nan = 16'h7E00;

  function automatic logic fp32_is_nan(fp32_t a);
    return (a.exp == '1) && (a.man != '0);
  endfunction

  function automatic logic fp32_is_inf(fp32_t a);
    return (a.exp == '1) && (a.man == '0);
  endfunction

  // The DSP58 leaves the sign of a NaN open. Its exponent and the top bit of its significand are
  // ones, which no other number has.
  function automatic logic [31:0] fp32_unsigned_nan(logic [31:0] p);
    return {p[31] && !(&p[30:22]), p[30:0]};
  endfunction

  // Zero or subnormal: the arithmetic operators take both as zero.
  function automatic logic fp32_is_zero(fp32_t a);
    return a.exp == '0;
  endfunction

endpackage

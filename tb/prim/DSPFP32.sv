// Stand-in for AMD's primitive DSPFP32 (ports of its libraries guide UG1485): the part of it that
// fvgm_dspfp32 uses, so that names, widths, register depths, enables and selections of its branch
// with FVGM_VENDOR_PRIMITIVES can be judged without the vendor's tools.
//
// Numbers are calculated in binary64, where a product of two FP32 is exact and a sum rounded twice
// is that rounded once, and rounded to nearest even. Where the manual AM004 is open it does what
// AMD's simulation model does (docs/prim.md): a result is tiny after rounding; the sign of a NaN is
// that of the product, of a sum 0. Left out: resets, D, cascades, FP16, flags, negation, registers
// of FPOPMODE and FPINMODE.
module DSPFP32 #(
  parameter string A_FPTYPE = "B32",
  parameter string B_D_FPTYPE = "B32",
  parameter string A_INPUT = "DIRECT",
  parameter string B_INPUT = "DIRECT",
  parameter string BCASCSEL = "B",
  parameter string PCOUTSEL = "FPA",
  parameter string USE_MULT = "MULTIPLY",
  parameter string RESET_MODE = "SYNC",
  parameter int AREG = 1,
  parameter int ACASCREG = 1,
  parameter int FPBREG = 1,
  parameter int FPCREG = 3,
  parameter int FPDREG = 1,
  parameter int FPMPIPEREG = 1,
  parameter int FPM_PREG = 1,
  parameter int FPA_PREG = 1,
  parameter int FPOPMREG = 3,
  parameter int INMODEREG = 1
) (
  input  logic        CLK,
  input  logic        A_SIGN, B_SIGN, D_SIGN,
  input  logic [ 7:0] A_EXP, B_EXP, D_EXP,
  input  logic [22:0] A_MAN, B_MAN, D_MAN,
  input  logic [31:0] C,
  input  logic        FPINMODE,
  input  logic [ 6:0] FPOPMODE,
  input  logic        ACIN_SIGN, BCIN_SIGN,
  input  logic [ 7:0] ACIN_EXP, BCIN_EXP,
  input  logic [22:0] ACIN_MAN, BCIN_MAN,
  input  logic [31:0] PCIN,
  input  logic        CEA1, CEA2, CEB, CEC, CED, CEFPMPIPE, CEFPM, CEFPA, CEFPINMODE, CEFPOPMODE,
  input  logic        RSTA, RSTB, RSTC, RSTD, RSTFPMPIPE, RSTFPM, RSTFPA, RSTFPINMODE,
  input  logic        RSTFPOPMODE, ASYNC_RST,
  output logic [31:0] FPM_OUT, FPA_OUT,
  output logic        FPM_INVALID, FPM_OVERFLOW, FPM_UNDERFLOW,
  output logic        FPA_INVALID, FPA_OVERFLOW, FPA_UNDERFLOW,
  output logic        ACOUT_SIGN, BCOUT_SIGN,
  output logic [ 7:0] ACOUT_EXP, BCOUT_EXP,
  output logic [22:0] ACOUT_MAN, BCOUT_MAN,
  output logic [31:0] PCOUT
);

  if (A_FPTYPE != "B32" || B_D_FPTYPE != "B32" || A_INPUT != "DIRECT" || B_INPUT != "DIRECT" ||
      USE_MULT != "MULTIPLY" || ACASCREG != AREG || FPOPMREG != 0 || INMODEREG != 0)
  begin : gen_left_out
    $error("DSPFP32: the stand-in leaves this configuration out");
  end

  // The bits of a binary64 with the value of an FP32 number; a subnormal is zero.
  function automatic logic [63:0] widen(logic [31:0] x);
    if (x[30:23] == '0) return {x[31], 63'b0};
    if (x[30:23] == '1) return {x[31], 11'h7FF, x[22:0], 29'b0};
    return {x[31], 11'(x[30:23]) + 11'd896, x[22:0], 29'b0};
  endfunction

  // FP32 next to a binary64.
  function automatic logic [31:0] narrow(logic [63:0] x, logic nan_sign);
    logic [33:0] rounded;
    rounded = {x[62:52], x[51:29]} + 34'(x[28] && (x[29] || |x[27:0]));
    if (x[62:52] == '1 && x[51:0] != '0) return {nan_sign, 9'h1FF, 22'b0};
    if (rounded[33:23] <= 11'd896) return {x[63], 31'b0};
    if (rounded[33:23] >= 11'd1151) return {x[63], 8'hFF, 23'b0};
    return {x[63], 8'(rounded[33:23] - 11'd896), rounded[22:0]};
  endfunction

  logic [31:0] a_d, a1_q, a2_q, a, b_d, b_q, b, c, m_d, m_q, m, p0, p1, p_d, p_q;
  logic [2:0][31:0] c_q;
  logic [64:0] product_d, product_q, product;  // sign of a NaN, binary64

  assign a_d = {A_SIGN, A_EXP, A_MAN};
  assign b_d = {B_SIGN, B_EXP, B_MAN};
  assign a = AREG == 0 ? a_d : a2_q;
  assign b = !FPINMODE ? 'x : FPBREG == 0 ? b_d : b_q;
  assign c = FPCREG == 0 ? C : FPCREG == 1 ? c_q[0] : FPCREG == 2 ? c_q[1] : c_q[2];
  assign product_d = {a[31] ^ b[31],
                      $realtobits($bitstoreal(widen(a)) * $bitstoreal(widen(b)))};
  assign product = FPMPIPEREG == 0 ? product_d : product_q;
  assign m_d = narrow(product[63:0], product[64]);
  assign m = FPM_PREG == 0 ? m_d : m_q;

  always_comb begin
    case (FPOPMODE[1:0])
      2'b00:   p0 = '0;
      2'b01:   p0 = m;
      default: p0 = 'x;
    endcase
    casez (FPOPMODE[4:2])
      3'b0??:  p1 = '0;
      3'b110:  p1 = c;
      default: p1 = 'x;
    endcase
    p_d = narrow($realtobits($bitstoreal(widen(p0)) + $bitstoreal(widen(p1))), 1'b0);
    if (FPOPMODE[6:5] != 2'b00) p_d = 'x;
  end

  always_ff @(posedge CLK) begin
    if (CEA1) a1_q <= a_d;
    if (CEA2) a2_q <= AREG == 2 ? a1_q : a_d;
    if (CEB) b_q <= b_d;
    if (CEC) c_q <= {c_q[1:0], C};
    if (CEFPMPIPE) product_q <= product_d;
    if (CEFPM) m_q <= m_d;
    if (CEFPA) p_q <= p_d;
  end

  assign FPM_OUT = m;
  assign FPA_OUT = FPA_PREG == 0 ? p_d : p_q;

endmodule

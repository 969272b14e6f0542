// Behavioural, synthesizable twin of AMD's DSP58 in INT24 mode, written from the manual AM004.
// Ports and parameters are those of fvgm_dsp58, which also checks the parameters.
//
//   A, B   none, one or two registers; INMODE[0] and INMODE[4] take the factor from the first of
//          them, INMODE[1] replaces the pre-adder's operand (A or B, also as a factor) by 0
//   AD     D +- A (or B), modulo 2^27; INMODE[2] lets D in, INMODE[3] subtracts
//   M      27x24 signed product, negated by NEGATE, 51 bits
//   P      W + X + Y + Z + carry with signs by ALUMODE, modulo 2^58; operands by OPMODE
//
// Left out: logic functions of the ALU and wide XOR, MACC_EXTEND (OPMODE[6:4] = 100), SIMD, pattern
// detector with its automatic reset, overflow flags, carry outputs and cascades (CARRYINSEL is
// 000), the modes INT8, CINT18 and floating point, asynchronous reset, values after power-up.
// Selections that AM004 calls illegal, or that are left out, fail an assertion when they are used.
`include "fvgm_assert.svh"

module fvgm_dsp58_twin #(
  parameter int unsigned AReg = 1,
  parameter int unsigned BReg = 1,
  parameter int unsigned CReg = 1,
  parameter int unsigned DReg = 1,
  parameter int unsigned AdReg = 1,
  parameter int unsigned MReg = 1,
  parameter int unsigned PReg = 1,
  parameter int unsigned InmodeReg = 1,
  parameter int unsigned OpmodeReg = 1,
  parameter int unsigned AlumodeReg = 1,
  parameter int unsigned CarryReg = 1,
  parameter int unsigned ACascReg = AReg,
  parameter int unsigned BCascReg = BReg,
  parameter bit CascA = 1'b0,
  parameter bit CascB = 1'b0,
  parameter string AMultSel = "A",
  parameter string BMultSel = "B",
  parameter string PreaddSel = "A",
  parameter string UseMult = "MULTIPLY",
  parameter logic [57:0] Rnd = '0
) (
  input  logic        clk_i,

  input  logic [33:0] a_i,
  input  logic [23:0] b_i,
  input  logic [57:0] c_i,
  input  logic [26:0] d_i,
  input  logic        carry_i,

  input  logic [ 4:0] inmode_i,
  input  logic [ 8:0] opmode_i,
  input  logic [ 3:0] alumode_i,
  input  logic        negate_i,

  input  logic        cea1_i,
  input  logic        cea2_i,
  input  logic        ceb1_i,
  input  logic        ceb2_i,
  input  logic        cec_i,
  input  logic        ced_i,
  input  logic        cead_i,
  input  logic        cem_i,
  input  logic        cep_i,

  input  logic        rsta_i,
  input  logic        rstb_i,
  input  logic        rstc_i,
  input  logic        rstd_i,
  input  logic        rstm_i,
  input  logic        rstp_i,
  input  logic        rstctrl_i,

  input  logic [33:0] acin_i,
  input  logic [23:0] bcin_i,
  input  logic [57:0] pcin_i,
  output logic [33:0] acout_o,
  output logic [23:0] bcout_o,
  output logic [57:0] pcout_o,
  output logic [57:0] p_o
);

  localparam int unsigned Shift = 23;  // right shift of P and PCIN into Z

  typedef enum logic [1:0] {WZero, WP, WRnd, WC} w_sel_e;
  typedef enum logic [1:0] {XZero, XM, XP, XAb} x_sel_e;
  typedef enum logic [1:0] {YZero, YM, YOnes, YC} y_sel_e;
  typedef enum logic [2:0] {
    ZZero      = 3'b000,
    ZPcin      = 3'b001,
    ZP         = 3'b010,
    ZC         = 3'b011,
    ZPcinShift = 3'b101,
    ZPShift    = 3'b110
  } z_sel_e;

  // Control
  logic [4:0] inmode, inmode_q;
  logic [8:0] opmode, opmode_q;
  logic [3:0] alumode, alumode_q;
  logic negate, negate_q;
  logic carry, carry_q;

  always_ff @(posedge clk_i) begin
    if (rstctrl_i) begin
      inmode_q <= '0;
      negate_q <= 1'b0;
      opmode_q <= '0;
      alumode_q <= '0;
      carry_q <= 1'b0;
    end else begin
      inmode_q <= inmode_i;
      negate_q <= negate_i;
      opmode_q <= opmode_i;
      alumode_q <= alumode_i;
      carry_q <= carry_i;
    end
  end

  assign inmode = InmodeReg != 0 ? inmode_q : inmode_i;
  assign negate = InmodeReg != 0 ? negate_q : negate_i;
  assign opmode = OpmodeReg != 0 ? opmode_q : opmode_i;
  assign alumode = AlumodeReg != 0 ? alumode_q : alumode_i;
  assign carry = CarryReg != 0 ? carry_q : carry_i;

  // A, B, C, D. With one register, the first and the second stage load side by side: the factor may
  // come from either, A:B and the cascade from the second.
  logic [33:0] a_in, a1_q, a2_q, a2;
  logic [23:0] b_in, b1_q, b2_q, b2;
  logic [57:0] c, c_q;
  logic [26:0] d, d_q;

  assign a_in = CascA ? acin_i : a_i;
  assign b_in = CascB ? bcin_i : b_i;

  always_ff @(posedge clk_i) begin
    if (rsta_i) begin
      a1_q <= '0;
      a2_q <= '0;
    end else begin
      if (cea1_i) a1_q <= a_in;
      if (cea2_i) a2_q <= AReg == 2 ? a1_q : a_in;
    end
    if (rstb_i) begin
      b1_q <= '0;
      b2_q <= '0;
    end else begin
      if (ceb1_i) b1_q <= b_in;
      if (ceb2_i) b2_q <= BReg == 2 ? b1_q : b_in;
    end
    if (rstc_i) c_q <= '0;
    else if (cec_i) c_q <= c_i;
    if (rstd_i) d_q <= '0;
    else if (ced_i) d_q <= d_i;
  end

  assign a2 = AReg != 0 ? a2_q : a_in;
  assign b2 = BReg != 0 ? b2_q : b_in;
  assign c = CReg != 0 ? c_q : c_i;
  assign d = DReg != 0 ? d_q : d_i;
  assign acout_o = (AReg == 2 && ACascReg == 1) ? a1_q : a2;
  assign bcout_o = (BReg == 2 && BCascReg == 1) ? b1_q : b2;

  // Pre-adder
  logic [26:0] a_mult, ab, ad_d, ad_q, ad;
  logic [23:0] b_mult;

  always_comb begin
    a_mult = (AReg != 0 && inmode[0]) ? a1_q[26:0] : a2[26:0];
    b_mult = (BReg != 0 && inmode[4]) ? b1_q : b2;
    if (inmode[1]) begin
      if (PreaddSel == "A") a_mult = '0;
      else b_mult = '0;
    end
    ab = PreaddSel == "A" ? a_mult : 27'($signed(b_mult));
    ad_d = inmode[2] ? d : '0;
    ad_d = inmode[3] ? ad_d - ab : ad_d + ab;
  end

  always_ff @(posedge clk_i) begin
    if (rstd_i) ad_q <= '0;
    else if (cead_i) ad_q <= ad_d;
  end

  assign ad = AdReg != 0 ? ad_q : ad_d;

  // Multiplier
  logic signed [26:0] factor_a;
  logic signed [23:0] factor_b;
  logic signed [50:0] product, m_d, m_q, m;

  assign factor_a = AMultSel == "AD" ? ad : a_mult;
  assign factor_b = BMultSel == "AD" ? ad[23:0] : b_mult;
  assign product = 51'(factor_a) * 51'(factor_b);
  assign m_d = negate ? -product : product;

  always_ff @(posedge clk_i) begin
    if (rstm_i) m_q <= '0;
    else if (cem_i) m_q <= m_d;
  end

  assign m = MReg != 0 ? m_q : m_d;

  // Operands of the adder. The feedback is the register P, also where p_o bypasses it: without it
  // (PReg = 0) no selection of P is legal.
  w_sel_e w_sel;
  x_sel_e x_sel;
  y_sel_e y_sel;
  z_sel_e z_sel;
  logic signed [57:0] w, x, y, z, sum, p_d, p_q;

  assign w_sel = w_sel_e'(opmode[8:7]);
  assign z_sel = z_sel_e'(opmode[6:4]);
  assign y_sel = y_sel_e'(opmode[3:2]);
  assign x_sel = x_sel_e'(opmode[1:0]);

  always_comb begin
    unique case (w_sel)
      WZero: w = '0;
      WP: w = p_q;
      WRnd: w = Rnd;
      WC: w = c;
      default: w = '0;
    endcase
    // X and Y select the two partial products together; here X carries their sum.
    unique case (x_sel)
      XZero: x = '0;
      XM: x = 58'(m);
      XP: x = p_q;
      XAb: x = {a2, b2};
      default: x = '0;
    endcase
    unique case (y_sel)
      YZero, YM: y = '0;
      YOnes: y = '1;
      YC: y = c;
      default: y = '0;
    endcase
    unique case (z_sel)
      ZZero: z = '0;
      ZPcin: z = pcin_i;
      ZP: z = p_q;
      ZC: z = c;
      ZPcinShift: z = $signed(pcin_i) >>> Shift;
      ZPShift: z = p_q >>> Shift;
      default: z = '0;
    endcase
    sum = w + x + y + 58'(carry);
    unique case (alumode)
      4'b0000: p_d = z + sum;
      4'b0011: p_d = z - sum;
      4'b0001: p_d = ~z + sum;
      4'b0010: p_d = ~(z + sum);
      default: p_d = '0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (rstp_i) p_q <= '0;
    else if (cep_i) p_q <= p_d;
  end

  assign p_o = PReg != 0 ? p_q : p_d;
  assign pcout_o = p_o;

  // Laws of use. They hold where the result is used: when P loads, or always where it has no
  // register. `rst_ni` is what the assertion macro calls reset.
  logic rst_ni, used;

  assign rst_ni = !(rstp_i || rstctrl_i);
  assign used = PReg == 0 || cep_i;

  `FVGM_ASSERT(ProductInXAndY, used |-> (x_sel == XM) == (y_sel == YM))
  `FVGM_ASSERT(ProductNeedsUseMult, used && UseMult == "NONE" |-> x_sel != XM)
  `FVGM_ASSERT(ConcatNeedsUseMult, used && UseMult == "MULTIPLY" |-> x_sel != XAb)
  `FVGM_ASSERT(ZIsLegal, used |-> opmode[6:4] != 3'b100 && opmode[6:4] != 3'b111)
  `FVGM_ASSERT(FeedbackNeedsPReg, PReg == 0 |-> w_sel != WP && x_sel != XP && z_sel != ZP
                                  && z_sel != ZPShift)
  `FVGM_ASSERT(AlumodeIsArithmetic, used |-> alumode[3:2] == 2'b00)
  `FVGM_ASSERT(FirstRegisterOfA, AReg == 0 |-> !inmode[0])
  `FVGM_ASSERT(FirstRegisterOfB, BReg == 0 |-> !inmode[4])

endmodule

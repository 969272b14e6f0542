// One DSP58 of a Versal device in INT24 mode: 27-bit pre-adder, 27x24 signed multiplier, adder of
// four 58-bit operands with feedback. The rest of the RTL instantiates this module, never the
// vendor's primitive.
//
// With the macro FVGM_VENDOR_PRIMITIVES it is AMD's primitive DSP58, otherwise its behavioural twin
// fvgm_dsp58_twin of equal latency, whose header says what is modelled. Encodings of INMODE, OPMODE
// and ALUMODE and the latencies: docs/prim.md. Names and meanings follow AMD's manual AM004.
//
// Parameters: <X>Reg is the number of pipeline registers of X; ACascReg and BCascReg those in front
// of acout_o and bcout_o; CascA and CascB take A and B from acin_i and bcin_i; AMultSel ("A", "AD")
// and BMultSel ("B", "AD") choose the factors, PreaddSel ("A", "B") the operand of the pre-adder;
// UseMult says what OPMODE may select: "MULTIPLY" the product, "NONE" A:B, "DYNAMIC" either.
//
// Each register loads while its clock enable is high and is cleared by its synchronous reset, which
// goes before the enable. The registers of INMODE with NEGATE, OPMODE, ALUMODE and carry are always
// enabled and share rstctrl_i; rstd_i clears D and AD.
module fvgm_dsp58 #(
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

  if (AReg > 2) begin : gen_illegal_areg
    $error("fvgm_dsp58: AReg must be 0, 1 or 2");
  end
  if (BReg > 2) begin : gen_illegal_breg
    $error("fvgm_dsp58: BReg must be 0, 1 or 2");
  end
  if (CReg > 1) begin : gen_illegal_creg
    $error("fvgm_dsp58: CReg must be 0 or 1");
  end
  if (DReg > 1) begin : gen_illegal_dreg
    $error("fvgm_dsp58: DReg must be 0 or 1");
  end
  if (AdReg > 1) begin : gen_illegal_adreg
    $error("fvgm_dsp58: AdReg must be 0 or 1");
  end
  if (MReg > 1 || (UseMult == "NONE" && MReg != 0)) begin : gen_illegal_mreg
    $error("fvgm_dsp58: MReg must be 0 or 1, and 0 if UseMult is NONE");
  end
  if (PReg > 1) begin : gen_illegal_preg
    $error("fvgm_dsp58: PReg must be 0 or 1");
  end
  if (InmodeReg > 1) begin : gen_illegal_inmodereg
    $error("fvgm_dsp58: InmodeReg must be 0 or 1");
  end
  if (OpmodeReg > 1) begin : gen_illegal_opmodereg
    $error("fvgm_dsp58: OpmodeReg must be 0 or 1");
  end
  if (AlumodeReg > 1) begin : gen_illegal_alumodereg
    $error("fvgm_dsp58: AlumodeReg must be 0 or 1");
  end
  if (CarryReg > 1) begin : gen_illegal_carryreg
    $error("fvgm_dsp58: CarryReg must be 0 or 1");
  end
  if (ACascReg != AReg && !(AReg == 2 && ACascReg == 1)) begin : gen_illegal_acascreg
    $error("fvgm_dsp58: ACascReg must be AReg, or 1 if AReg is 2");
  end
  if (BCascReg != BReg && !(BReg == 2 && BCascReg == 1)) begin : gen_illegal_bcascreg
    $error("fvgm_dsp58: BCascReg must be BReg, or 1 if BReg is 2");
  end
  if (AMultSel != "A" && AMultSel != "AD") begin : gen_illegal_amultsel
    $error("fvgm_dsp58: AMultSel must be A or AD");
  end
  if (BMultSel != "B" && BMultSel != "AD") begin : gen_illegal_bmultsel
    $error("fvgm_dsp58: BMultSel must be B or AD");
  end
  if (PreaddSel != "A" && PreaddSel != "B") begin : gen_illegal_preaddsel
    $error("fvgm_dsp58: PreaddSel must be A or B");
  end
  if (UseMult != "MULTIPLY" && UseMult != "NONE" && UseMult != "DYNAMIC") begin : gen_illegal_mult
    $error("fvgm_dsp58: UseMult must be MULTIPLY, NONE or DYNAMIC");
  end

`ifdef FVGM_VENDOR_PRIMITIVES

  // Attributes that are not named keep the vendor's defaults: no wide XOR, no inverted pin. Text
  // attributes are literals, because a Verilog primitive need not take a SystemVerilog string.
  // NEGATE[2:1] belong to INT8 mode.
  DSP58 #(
    .DSP_MODE("INT24"),
    .A_INPUT(CascA ? "CASCADE" : "DIRECT"),
    .B_INPUT(CascB ? "CASCADE" : "DIRECT"),
    .AMULTSEL(AMultSel == "AD" ? "AD" : "A"),
    .BMULTSEL(BMultSel == "AD" ? "AD" : "B"),
    .PREADDINSEL(PreaddSel == "B" ? "B" : "A"),
    .USE_MULT(UseMult == "NONE" ? "NONE" : UseMult == "DYNAMIC" ? "DYNAMIC" : "MULTIPLY"),
    .USE_SIMD("ONE58"),
    .USE_PATTERN_DETECT("NO_PATDET"),
    .RESET_MODE("SYNC"),
    .RND(Rnd),
    .AREG(AReg),
    .BREG(BReg),
    .CREG(CReg),
    .DREG(DReg),
    .ADREG(AdReg),
    .MREG(MReg),
    .PREG(PReg),
    .INMODEREG(InmodeReg),
    .OPMODEREG(OpmodeReg),
    .ALUMODEREG(AlumodeReg),
    .CARRYINREG(CarryReg),
    .CARRYINSELREG(0),
    .ACASCREG(ACascReg),
    .BCASCREG(BCascReg)
  ) u_dsp58 (
    .CLK(clk_i),
    .A(a_i),
    .B(b_i),
    .C(c_i),
    .D(d_i),
    .CARRYIN(carry_i),
    .CARRYINSEL(3'b000),
    .INMODE(inmode_i),
    .OPMODE(opmode_i),
    .ALUMODE(alumode_i),
    .NEGATE({2'b00, negate_i}),
    .ACIN(acin_i),
    .BCIN(bcin_i),
    .PCIN(pcin_i),
    .CARRYCASCIN(1'b0),
    .MULTSIGNIN(1'b0),
    .CEA1(cea1_i),
    .CEA2(cea2_i),
    .CEB1(ceb1_i),
    .CEB2(ceb2_i),
    .CEC(cec_i),
    .CED(ced_i),
    .CEAD(cead_i),
    .CEM(cem_i),
    .CEP(cep_i),
    .CEINMODE(1'b1),
    .CECTRL(1'b1),
    .CEALUMODE(1'b1),
    .CECARRYIN(1'b1),
    .RSTA(rsta_i),
    .RSTB(rstb_i),
    .RSTC(rstc_i),
    .RSTD(rstd_i),
    .RSTM(rstm_i),
    .RSTP(rstp_i),
    .RSTINMODE(rstctrl_i),
    .RSTCTRL(rstctrl_i),
    .RSTALUMODE(rstctrl_i),
    .RSTALLCARRYIN(rstctrl_i),
    .ASYNC_RST(1'b0),
    .ACOUT(acout_o),
    .BCOUT(bcout_o),
    .PCOUT(pcout_o),
    .P(p_o),
    .CARRYCASCOUT(),
    .CARRYOUT(),
    .MULTSIGNOUT(),
    .OVERFLOW(),
    .UNDERFLOW(),
    .PATTERNDETECT(),
    .PATTERNBDETECT(),
    .XOROUT()
  );

`else

  fvgm_dsp58_twin #(
    .AReg(AReg),
    .BReg(BReg),
    .CReg(CReg),
    .DReg(DReg),
    .AdReg(AdReg),
    .MReg(MReg),
    .PReg(PReg),
    .InmodeReg(InmodeReg),
    .OpmodeReg(OpmodeReg),
    .AlumodeReg(AlumodeReg),
    .CarryReg(CarryReg),
    .ACascReg(ACascReg),
    .BCascReg(BCascReg),
    .CascA(CascA),
    .CascB(CascB),
    .AMultSel(AMultSel),
    .BMultSel(BMultSel),
    .PreaddSel(PreaddSel),
    .UseMult(UseMult),
    .Rnd(Rnd)
  ) u_twin (
    .*
  );

`endif

endmodule

// One DSP58 of a Versal device in floating-point mode: p_o = a_i * b_i after FpMulLatency = 3
// cycles, or with Add a_i + b_i after FpAddLatency = 4, one operation per cycle. The rest of the
// RTL instantiates this module, never the vendor's primitive.
//
// With the macro FVGM_VENDOR_PRIMITIVES it is AMD's primitive DSPFP32, otherwise its behavioural
// twin fvgm_dspfp32_twin of equal latency. The sign of a NaN is not defined; everything else, and
// what the manual AM004 leaves open: docs/prim.md.
//
// A sum goes through the multiplier as a_i * 1.0, which changes no number (a subnormal becomes the
// zero that it counts as), because the two operands of the adder then have the same three registers
// in front of them:
//
//   a_i ──►[A]──┐                               ce_i[0]: A, B      ce_i[1]: MPIPE
//               ×──►[MPIPE]──►[M]──► p_o        ce_i[2]: M         ce_i[3]: P
//   b_i ──►[B]──┘
//                                               the registers of C move in every cycle
//   a_i ──►[A]──┐
//               ×──►[MPIPE]──►[M]──┐
//   1.0 ──►[B]──┘                  +──►[P]──► p_o
//   b_i ──►[C]──►[C]──►[C]─────────┘
//
// ce_i[k] says that an operation enters stage k. It has left stage k - 1 in that cycle: operations
// never wait, but may be given up. There is no reset.
module fvgm_dspfp32
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

`ifdef FVGM_VENDOR_PRIMITIVES

  localparam logic [6:0] OpMToP = 7'b00_0_00_01;  // P = M
  localparam logic [6:0] OpCAndMToP = 7'b00_1_10_01;  // P = C + M

  logic [31:0] factor, summand, m, p;

  assign factor = Add ? Fp32One : b_i;
  assign summand = Add ? b_i : '0;
  assign p_o = Add ? p : m;

  // Attributes that are not named keep the vendor's defaults: no inverted pin. Text attributes are
  // literals, because a Verilog primitive need not take a SystemVerilog string.
  DSPFP32 #(
    .A_FPTYPE("B32"),
    .B_D_FPTYPE("B32"),
    .A_INPUT("DIRECT"),
    .B_INPUT("DIRECT"),
    .BCASCSEL("B"),
    .PCOUTSEL("FPA"),
    .USE_MULT("MULTIPLY"),
    .RESET_MODE("SYNC"),
    .AREG(1),
    .ACASCREG(1),
    .FPBREG(1),
    .FPCREG(Add ? 3 : 0),
    .FPDREG(0),
    .FPMPIPEREG(1),
    .FPM_PREG(1),
    .FPA_PREG(Add ? 1 : 0),
    .FPOPMREG(0),
    .INMODEREG(0)
  ) u_dspfp32 (
    .CLK(clk_i),
    .A_SIGN(a_i[31]),
    .A_EXP(a_i[30:23]),
    .A_MAN(a_i[22:0]),
    .B_SIGN(factor[31]),
    .B_EXP(factor[30:23]),
    .B_MAN(factor[22:0]),
    .C(summand),
    .D_SIGN(1'b0),
    .D_EXP(8'b0),
    .D_MAN(23'b0),
    .FPINMODE(1'b1),
    .FPOPMODE(Add ? OpCAndMToP : OpMToP),
    .ACIN_SIGN(1'b0),
    .ACIN_EXP(8'b0),
    .ACIN_MAN(23'b0),
    .BCIN_SIGN(1'b0),
    .BCIN_EXP(8'b0),
    .BCIN_MAN(23'b0),
    .PCIN(32'b0),
    .CEA1(1'b0),
    .CEA2(ce_i[0]),
    .CEB(ce_i[0]),
    .CEC(Add),
    .CED(1'b0),
    .CEFPMPIPE(ce_i[1]),
    .CEFPM(ce_i[2]),
    .CEFPA(Add && ce_i[Latency-1]),
    .CEFPINMODE(1'b0),
    .CEFPOPMODE(1'b0),
    .RSTA(1'b0),
    .RSTB(1'b0),
    .RSTC(1'b0),
    .RSTD(1'b0),
    .RSTFPMPIPE(1'b0),
    .RSTFPM(1'b0),
    .RSTFPA(1'b0),
    .RSTFPINMODE(1'b0),
    .RSTFPOPMODE(1'b0),
    .ASYNC_RST(1'b0),
    .FPM_OUT(m),
    .FPA_OUT(p),
    .FPM_INVALID(),
    .FPM_OVERFLOW(),
    .FPM_UNDERFLOW(),
    .FPA_INVALID(),
    .FPA_OVERFLOW(),
    .FPA_UNDERFLOW(),
    .ACOUT_SIGN(),
    .ACOUT_EXP(),
    .ACOUT_MAN(),
    .BCOUT_SIGN(),
    .BCOUT_EXP(),
    .BCOUT_MAN(),
    .PCOUT()
  );

`else

  fvgm_dspfp32_twin #(
    .Add(Add)
  ) u_twin (
    .*
  );

`endif

endmodule

// Test top of rtl/prim: fvgm_dsp58 in NumConfigs configurations (those of tb/prim/stimulus.py, in
// the same order) behind one wide port, so that one build and one wake-up of the test bench per
// cycle serve them all. sel_i names the configuration that gets x_i and drives y_o, the others
// rest. While rst_ni is low, all registers are in reset.
module fvgm_prim_tb #(
  parameter int unsigned NumConfigs = 8
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic [  2:0] sel_i,
  input  logic [294:0] x_i,
  output logic [173:0] y_o
);

  // x_i: the input ports in the order of models.dsp58.Inputs, the first one on top.
  typedef struct packed {
    logic [33:0] a;
    logic [23:0] b;
    logic [57:0] c;
    logic [26:0] d;
    logic carry;
    logic [4:0] inmode;
    logic [8:0] opmode;
    logic [3:0] alumode;
    logic negate;
    logic cea1, cea2, ceb1, ceb2, cec, ced, cead, cem, cep;
    logic rsta, rstb, rstc, rstd, rstm, rstp, rstctrl;
    logic [33:0] acin;
    logic [23:0] bcin;
    logic [57:0] pcin;
  } stim_t;

  // y_o: in the order of models.dsp58.Outputs.
  typedef struct packed {
    logic [57:0] p;
    logic [57:0] pcout;
    logic [33:0] acout;
    logic [23:0] bcout;
  } result_t;

  // A column per configuration.
  localparam int unsigned AReg[NumConfigs] =       '{2, 1, 2, 1, 0, 1, 2, 0};
  localparam int unsigned BReg[NumConfigs] =       '{2, 1, 1, 1, 0, 1, 2, 2};
  localparam int unsigned CReg[NumConfigs] =       '{1, 1, 1, 1, 0, 0, 1, 0};
  localparam int unsigned DReg[NumConfigs] =       '{1, 1, 0, 1, 0, 1, 1, 1};
  localparam int unsigned AdReg[NumConfigs] =      '{1, 1, 0, 1, 0, 1, 1, 0};
  localparam int unsigned MReg[NumConfigs] =       '{1, 1, 0, 1, 0, 0, 1, 1};
  localparam int unsigned PReg[NumConfigs] =       '{1, 1, 1, 1, 0, 1, 1, 1};
  localparam int unsigned InmodeReg[NumConfigs] =  '{1, 1, 0, 1, 0, 1, 1, 1};
  localparam int unsigned OpmodeReg[NumConfigs] =  '{1, 1, 1, 1, 0, 0, 1, 0};
  localparam int unsigned AlumodeReg[NumConfigs] = '{1, 1, 1, 1, 0, 1, 0, 1};
  localparam int unsigned CarryReg[NumConfigs] =   '{1, 1, 1, 1, 0, 1, 0, 1};
  localparam int unsigned ACascReg[NumConfigs] =   '{2, 1, 1, 1, 0, 1, 1, 0};
  localparam int unsigned BCascReg[NumConfigs] =   '{1, 1, 1, 1, 0, 1, 2, 2};
  localparam bit [NumConfigs-1:0] CascA = 8'b0100_0000;
  localparam bit [NumConfigs-1:0] CascB = 8'b0100_0000;
  localparam string AMultSel[NumConfigs] = '{"AD", "A", "A", "AD", "AD", "A", "A", "AD"};
  localparam string BMultSel[NumConfigs] = '{"B", "B", "AD", "AD", "B", "B", "B", "B"};
  localparam string PreaddSel[NumConfigs] = '{"A", "A", "B", "B", "A", "A", "A", "A"};
  localparam string UseMult[NumConfigs] = '{"DYNAMIC", "MULTIPLY", "DYNAMIC", "DYNAMIC", "DYNAMIC",
                                            "NONE", "DYNAMIC", "DYNAMIC"};
  localparam logic [57:0] Rnd = 58'h2A5_0F0F_3C3C_9696;

  result_t [NumConfigs-1:0] y;

  for (genvar k = 0; k < NumConfigs; k++) begin : gen_config
    stim_t x;
    logic rst;

    assign x = sel_i == 3'(k) ? stim_t'(x_i) : '0;
    assign rst = !rst_ni;

    fvgm_dsp58 #(
      .AReg(AReg[k]), .BReg(BReg[k]), .CReg(CReg[k]), .DReg(DReg[k]), .AdReg(AdReg[k]),
      .MReg(MReg[k]), .PReg(PReg[k]), .InmodeReg(InmodeReg[k]), .OpmodeReg(OpmodeReg[k]),
      .AlumodeReg(AlumodeReg[k]), .CarryReg(CarryReg[k]), .ACascReg(ACascReg[k]),
      .BCascReg(BCascReg[k]), .CascA(CascA[k]), .CascB(CascB[k]), .AMultSel(AMultSel[k]),
      .BMultSel(BMultSel[k]), .PreaddSel(PreaddSel[k]), .UseMult(UseMult[k]), .Rnd(Rnd)
    ) u_dsp58 (
      .clk_i,
      .a_i(x.a), .b_i(x.b), .c_i(x.c), .d_i(x.d), .carry_i(x.carry),
      .inmode_i(x.inmode), .opmode_i(x.opmode), .alumode_i(x.alumode), .negate_i(x.negate),
      .cea1_i(x.cea1), .cea2_i(x.cea2), .ceb1_i(x.ceb1), .ceb2_i(x.ceb2), .cec_i(x.cec),
      .ced_i(x.ced), .cead_i(x.cead), .cem_i(x.cem), .cep_i(x.cep),
      .rsta_i(x.rsta || rst), .rstb_i(x.rstb || rst), .rstc_i(x.rstc || rst),
      .rstd_i(x.rstd || rst), .rstm_i(x.rstm || rst), .rstp_i(x.rstp || rst),
      .rstctrl_i(x.rstctrl || rst),
      .acin_i(x.acin), .bcin_i(x.bcin), .pcin_i(x.pcin),
      .acout_o(y[k].acout), .bcout_o(y[k].bcout), .pcout_o(y[k].pcout), .p_o(y[k].p)
    );
  end

  assign y_o = y[sel_i];

endmodule

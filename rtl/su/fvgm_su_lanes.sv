// Product sum of a chunk: 32 multipliers in eight chains of four DSP58, and a tree of adders.
//
// operand_i are the multiplicands. With hold_i they are the multipliers as well, which stay for the
// chunks that follow: x times x, then reference times x, cached row times x. negative_i are signs
// of magnitudes: a product is negated (NEGATE) if the signs differ.
// Slots 0 and 1 of a chain take the operands at once, the second by one register more in the DSP58;
// slots 2 and 3 take them two cycles later: each adds what came along the cascade.
// Latency SuLaneLatency = 9. Throughput: a chunk per cycle. Errors: none; sums are exact.
module fvgm_su_lanes
  import fvgm_su_pkg::*;
(
  input  logic clk_i,

  input  logic awake_i,  // chunks may be under way; else the registers rest
  input  logic hold_i,
  input  logic [SuLanes-1:0][SuOperandBits-1:0] operand_i,
  input  logic [SuLanes-1:0] negative_i,
  output logic [SuSumBits-1:0] sum_o
);

  localparam int unsigned Depth = 4;
  localparam int unsigned Chains = SuLanes / Depth;
  localparam int unsigned ChainBits = 35;
  localparam logic [8:0] OpmodeFirst = 9'b00_000_01_01;    // P = M
  localparam logic [8:0] OpmodeCascade = 9'b00_001_01_01;  // P = M + PCIN

  // Signs: of the multipliers, and of the products.
  logic [SuLanes-1:0] held_q, negate;

  always_ff @(posedge clk_i) begin
    if (hold_i) held_q <= negative_i;
  end

  assign negate = hold_i ? '0 : negative_i ^ held_q;

  // Two cycles later.
  logic [SuLanes-1:0][SuOperandBits-1:0] operand1_q, operand2_q;
  logic [SuLanes-1:0] negate1_q, negate2_q, negate3_q;
  logic [1:0] hold_q;

  always_ff @(posedge clk_i) begin
    if (awake_i) begin
      operand1_q <= operand_i;
      operand2_q <= operand1_q;
      negate1_q <= negate;
      negate2_q <= negate1_q;
      negate3_q <= negate2_q;
      hold_q <= {hold_q[0], hold_i};
    end
  end

  logic [Chains-1:0][ChainBits-1:0] chain;
  for (genvar c = 0; c < Chains; c++) begin : g_chain
    logic [Depth:0][57:0] cascade;
    logic [Depth-1:0][57:0] p;
    logic [Depth-1:0][33:0] unused_acout;
    logic [Depth-1:0][23:0] unused_bcout;

    logic unused;

    assign unused = ^{cascade[Depth], p};
    assign cascade[0] = '0;
    assign chain[c] = p[Depth-1][ChainBits-1:0];

    for (genvar s = 0; s < Depth; s++) begin : g_slot
      localparam int unsigned L = c * Depth + s;
      localparam int unsigned Registers = 1 + s % 2;
      logic [SuOperandBits-1:0] operand;
      logic hold, sign;

      assign operand = (s < 2) ? operand_i[L] : operand2_q[L];
      assign hold = (s < 2) ? hold_i : hold_q[1];
      assign sign = (s == 0) ? negate[L] : (s == 1) ? negate1_q[L]
                    : (s == 2) ? negate2_q[L] : negate3_q[L];

      fvgm_dsp58 #(
        .AReg(Registers),
        .BReg(Registers),
        .CReg(0),
        .DReg(0),
        .AdReg(0),
        .MReg(1),
        .PReg(1),
        .InmodeReg(1),
        .OpmodeReg(0),
        .AlumodeReg(0),
        .CarryReg(0)
      ) u_dsp (
        .clk_i,
        .a_i(34'($signed(operand))),
        .b_i(24'($signed(operand))),
        .c_i('0),
        .d_i('0),
        .inmode_i('0),
        .opmode_i((s == 0) ? OpmodeFirst : OpmodeCascade),
        .alumode_i('0),
        .negate_i(sign),
        .carry_i(1'b0),
        .cea1_i(awake_i),
        .cea2_i(awake_i),
        .ceb1_i(hold),
        .ceb2_i(hold || Registers == 2),
        .ced_i(1'b0),
        .cead_i(1'b0),
        .cem_i(awake_i),
        .cec_i(1'b0),
        .cep_i(awake_i),
        .rsta_i(1'b0),
        .rstb_i(1'b0),
        .rstc_i(1'b0),
        .rstd_i(1'b0),
        .rstm_i(1'b0),
        .rstp_i(1'b0),
        .rstctrl_i(1'b0),
        .acin_i('0),
        .bcin_i('0),
        .acout_o(unused_acout[s]),
        .bcout_o(unused_bcout[s]),
        .pcin_i(cascade[s]),
        .pcout_o(cascade[s+1]),
        .p_o(p[s])
      );
    end
  end

  // Adders.
  logic [3:0][ChainBits:0] sum4_q;
  logic [1:0][ChainBits+1:0] sum2_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < 4; i++) begin
      sum4_q[i] <= (ChainBits + 1)'($signed(chain[2*i])) + (ChainBits + 1)'($signed(chain[2*i+1]));
    end
    for (int unsigned i = 0; i < 2; i++) begin
      sum2_q[i] <= (ChainBits + 2)'($signed(sum4_q[2*i]))
                   + (ChainBits + 2)'($signed(sum4_q[2*i+1]));
    end
    sum_o <= SuSumBits'($signed(sum2_q[0])) + SuSumBits'($signed(sum2_q[1]));
  end

endmodule

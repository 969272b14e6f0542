// Chain of eight DSP-E: eight DSP58 that add up along their cascade, on the double clock, and what
// they share: the alignment of their sums (double clock) and two accumulators. One step takes eight k:
//   INT8   4 rows x 1 column x 8 k, 32 MACs into four exact int32 sums,
//   FP16   2 rows x 1 column x 8 k, 16 MACs into two exact 96-bit fixed-point sums.
//
//              slot 0          slot 1                 slot 7
//   a_i,d_i ─► A|D x B ─► P ─► A|D x B + PCIN ─► ... ─► P ─► shift ─► accumulator of rows A
//   b_i     ─►                                                    └─► accumulator of rows D
//
// A clk_i cycle has two multiplications, A with B and D with B: the pre-adder's INMODE is their
// multiplexer. The fabric at clk2x_i is registers with at most one LUT between them. Operands come from
// fvgm_dspe_align: INT8 two rows in one operand, 2^18 apart; FP16 integers that are aligned among
// the eight k of their line, so that the cascade's sum of products is exact; a product sum weighs
// 2^(exp_row + exp_col - 27) units of 2^-48.
//
// Operands of slot s belong to the step floor(s/2) cycles earlier (fvgm_dspe_align delays them).
// Control (valid_i, last_i, precision_i, exponents, kinds) comes with slot 0. last_i ends a sum:
// the result with this step goes to drain_o and the next step starts from zero.
// Latency: drain_o changes DspeChainLatency cycles after the operands of slot 0, and holds.
// Throughput: one step per clk_i. Errors: none. INT8 sums wrap beyond 2^31, FP16 beyond 2^95 units.
module fvgm_dspe_chain
  import fvgm_isa_pkg::*;
  import fvgm_dspe_pkg::*;
(
  input  logic clk_i,
  input  logic clk2x_i,
  input  logic rst_ni,
  input  logic first_half_i,
  input  logic valid_i,
  input  logic last_i,
  input  precision_e precision_i,
  input  logic [DspeDepth-1:0][DspeRowBits-1:0] a_i,
  input  logic [DspeDepth-1:0][DspeRowBits-1:0] d_i,
  input  logic [DspeDepth-1:0][DspeColBits-1:0] b_i,
  input  logic [1:0][4:0] exp_row_i,
  input  logic [4:0] exp_col_i,
  input  kind_t [1:0][DspeDepth-1:0] kind_row_i,
  input  kind_t [DspeDepth-1:0] kind_col_i,
  output lane_t [1:0] drain_o
);

  localparam int unsigned ToShift = 5;  // cycles from the operands of slot 0 to the shift's control
  localparam int unsigned ToSum = 8;    // and to the aligned sums
  localparam logic [8:0] OpmodeFirst = 9'b00_000_01_01;    // P = M
  localparam logic [8:0] OpmodeCascade = 9'b00_001_01_01;  // P = M + PCIN

  // Cascade.
  logic [DspeDepth:0][57:0] cascade;
  logic [DspeDepth-1:0][57:0] p;
  logic [DspeDepth-1:0][33:0] unused_acout;
  logic [DspeDepth-1:0][23:0] unused_bcout;
  logic unused_p;

  assign cascade[0] = '0;
  assign unused_p = ^{p, cascade[DspeDepth]};

  for (genvar s = 0; s < DspeDepth; s++) begin : g_slot
    // A slot works half a cycle later than the one before it. It takes its operands at the end of
    // take, holds them for a cycle, and the pre-adder passes A first, then D.
    logic take;

    assign take = (s % 2 == 0) ? first_half_i : !first_half_i;

    fvgm_dsp58 #(
      .AReg(1),
      .BReg(2),
      .CReg(0),
      .DReg(1),
      .AdReg(1),
      .MReg(1),
      .PReg(1),
      .InmodeReg(1),
      .OpmodeReg(0),
      .AlumodeReg(0),
      .CarryReg(0),
      .AMultSel("AD")
    ) u_dsp (
      .clk_i(clk2x_i),
      .a_i(34'($signed(a_i[s]))),
      .b_i(b_i[s]),
      .c_i('0),
      .d_i(d_i[s]),
      .inmode_i({2'b00, !take, !take, 1'b0}),
      .opmode_i((s == 0) ? OpmodeFirst : OpmodeCascade),
      .alumode_i('0),
      .negate_i(1'b0),
      .carry_i(1'b0),
      .cea1_i(1'b0),
      .cea2_i(take),
      .ceb1_i(take),
      .ceb2_i(!take),
      .ced_i(take),
      .cead_i(1'b1),
      .cem_i(1'b1),
      .cec_i(1'b0),
      .cep_i(1'b1),
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

  // Control beside the cascade: index i holds what came i + 1 cycles ago.
  logic [ToSum-1:0] valid_q, last_q;
  precision_e precision_q [ToSum];
  logic [1:0][5:0] shift_q [ToShift];
  logic [1:0][2:0] flags_q [ToSum];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[ToSum-2:0], valid_i};
  end

  always_ff @(posedge clk_i) begin
    last_q <= {last_q[ToSum-2:0], last_i};
    precision_q[0] <= precision_i;
    for (int unsigned r = 0; r < 2; r++) begin
      shift_q[0][r] <= 6'(exp_row_i[r]) + 6'(exp_col_i);
      flags_q[0][r] <= special(kind_row_i[r], kind_col_i);
    end
    for (int unsigned i = 1; i < ToShift; i++) shift_q[i] <= shift_q[i-1];
    for (int unsigned i = 1; i < ToSum; i++) begin
      precision_q[i] <= precision_q[i-1];
      flags_q[i] <= flags_q[i-1];
    end
  end

  // Alignment: the sum of rows A goes through in the first half of a cycle, that of rows D follows.
  logic [5:0] shift_half_q;
  logic [DspeAccBits-1:0] aligned, aligned_a_q;
  logic [1:0][DspeAccBits-1:0] x_q;

  fvgm_dspe_shift u_shift (
    .clk2x_i,
    .shift_i(shift_half_q),
    .sum_i(p[DspeDepth-1][DspeSumBits-1:0]),
    .aligned_o(aligned)
  );

  always_ff @(posedge clk2x_i) begin
    shift_half_q <= first_half_i ? shift_q[ToShift-1][0] : shift_q[ToShift-1][1];
    if (first_half_i) aligned_a_q <= aligned;
  end

  always_ff @(posedge clk_i) begin
    x_q[0] <= aligned_a_q;
    x_q[1] <= aligned;
  end

  for (genvar r = 0; r < 2; r++) begin : g_acc
    fvgm_dspe_acc u_acc (
      .clk_i,
      .rst_ni,
      .valid_i(valid_q[ToSum-1]),
      .last_i(last_q[ToSum-1]),
      .precision_i(precision_q[ToSum-1]),
      .flags_i(flags_q[ToSum-1][r]),
      .x_i(x_q[r]),
      .drain_o(drain_o[r])
    );
  end

endmodule

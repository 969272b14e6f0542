// Row and channel operands of the lanes, and the tags of the groups in them.
//
// A group enters with tag_i one cycle before its values reach the lanes (stage 0). Each operand is
// looked up one cycle before its stage (fvgm_sfu_pkg::Stage*) from the row scalars (one word per
// context, written by fvgm_sfu_scan and fvgm_sfu_scalar), the batch in the group's bank, pbuf, or, for
// RESIDUAL, from the x group x_i that entered with the tag.
// pbuf: `pbuf_rd_valid_o`, entry `pbuf_rd_addr_o` -> 8 x {FP32 b, FP32 a} two cycles later.
// Tags are given at stage 0, StageSum and StageOut. One group per cycle. No error outputs.
module fvgm_sfu_operands
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic clk_i,
    input  logic rst_ni,
    input  batch_t batch_i[Banks],

    input  logic                valid_i,
    input  tag_t                tag_i,
    input  logic [UnitBits-1:0] x_i,

    input  logic        mean_valid_i,
    input  ctx_t        mean_ctx_i,
    input  logic [31:0] neg_mean_i,
    input  logic        max_valid_i,
    input  ctx_t        max_ctx_i,
    input  logic [31:0] max_i,
    input  logic        rstd_valid_i,
    input  ctx_t        rstd_ctx_i,
    input  logic [31:0] rstd_i,

    output logic                 pbuf_rd_valid_o,
    output logic [EntryBits-1:0] pbuf_rd_addr_o,
    input  logic [        511:0] pbuf_rd_data_i,

    output lane_ctrl_t             ctrl_o,
    output logic [Lanes-1:0][31:0] a_o,
    output logic [Lanes-1:0][31:0] b_o,

    output logic   in_valid_o,
    output logic   sum_valid_o,
    output group_t sum_group_o,
    output pass_e  sum_pass_o,
    output logic   out_valid_o,
    output group_t out_group_o,
    output pass_e  out_pass_o,
    output logic   out_cmd_first_o
);

  localparam int unsigned StagePbuf = StageMul2 - 3;
  localparam int unsigned BWait = StageAdd2 - StageMul2;
  localparam int unsigned XDepth = 32;  // more than the groups between entry and StageAdd2
  localparam int unsigned XBits = $clog2(XDepth);

  // Tags: tag_q[k] belongs to the group at stage k
  logic [StageOut:0] valid_q;
  tag_t tag_q[StageOut+1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[StageOut-1:0], valid_i};
    if (valid_i) tag_q[0] <= tag_i;
    for (int unsigned i = 1; i <= StageOut; i++) if (valid_q[i-1]) tag_q[i] <= tag_q[i-1];
  end

  assign in_valid_o = valid_q[0];
  assign sum_valid_o = valid_q[StageSum];
  assign sum_group_o = tag_q[StageSum].group;
  assign sum_pass_o = tag_q[StageSum].pass;
  assign out_valid_o = valid_q[StageOut];
  assign out_group_o = tag_q[StageOut].group;
  assign out_pass_o = tag_q[StageOut].pass;
  assign out_cmd_first_o = tag_q[StageOut].cmd_first;

  // Row scalars
  logic [31:0] neg_mean_q[Contexts];
  logic [31:0] max_q[Contexts];
  logic [31:0] rstd_q[Contexts];

  always_ff @(posedge clk_i) begin
    if (mean_valid_i) neg_mean_q[mean_ctx_i] <= neg_mean_i;
    if (max_valid_i) max_q[max_ctx_i] <= max_i;
    if (rstd_valid_i) rstd_q[rstd_ctx_i] <= rstd_i;
  end

  // Stage 0: [+ c0]
  logic [31:0] row_max, row_neg_mean;

  assign row_max = max_q[tag_i.group.ctx];
  assign row_neg_mean = neg_mean_q[tag_i.group.ctx];

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      if (tag_i.mode.exp) ctrl_o.c0 <= {!row_max[31], row_max[30:0]};
      else if (tag_i.mode.center) ctrl_o.c0 <= row_neg_mean;
      else ctrl_o.c0 <= Fp32NegZero;
    end
  end

  // StageMul1: [* c1 or itself]
  logic [31:0] row_rstd, factor;

  assign row_rstd = rstd_q[tag_q[StageMul1-1].group.ctx];
  assign factor = batch_i[tag_q[StageMul1-1].group.ctx.bank].imm0;

  always_ff @(posedge clk_i) begin
    if (valid_q[StageMul1-1]) begin
      ctrl_o.square <= tag_q[StageMul1-1].mode.square;
      if (tag_q[StageMul1-1].mode.exp) ctrl_o.c1 <= factor;
      else if (tag_q[StageMul1-1].mode.norm) ctrl_o.c1 <= row_rstd;
      else ctrl_o.c1 <= Fp32One;
    end
  end

  // StageFn
  always_ff @(posedge clk_i) begin
    if (valid_q[StageFn-1]) begin
      if (tag_q[StageFn-1].mode.exp) ctrl_o.fn <= FnExp2;
      else if (tag_q[StageFn-1].mode.gelu) ctrl_o.fn <= FnGelu;
      else ctrl_o.fn <= FnNone;
    end
  end

  // StageMul2: [* a or gate]
  assign pbuf_rd_valid_o = valid_q[StagePbuf] && tag_q[StagePbuf].mode.affine;
  assign pbuf_rd_addr_o = batch_i[tag_q[StagePbuf].group.ctx.bank].pbuf_base +
      EntryBits'(tag_q[StagePbuf].group.index);

  always_ff @(posedge clk_i) begin
    if (valid_q[StageMul2-1]) begin
      ctrl_o.gate <= tag_q[StageMul2-1].mode.gelu;
      for (int unsigned i = 0; i < Lanes; i++) begin
        a_o[i] <= tag_q[StageMul2-1].mode.affine ? pbuf_rd_data_i[64*i+:32] : Fp32One;
      end
    end
  end

  // StageAdd2: [+ b]; b of pbuf waits while the product is made
  logic [Lanes-1:0][31:0] b_wait_q[BWait];

  always_ff @(posedge clk_i) begin
    if (valid_q[StageMul2-1] && tag_q[StageMul2-1].mode.affine) begin
      for (int unsigned i = 0; i < Lanes; i++) b_wait_q[0][i] <= pbuf_rd_data_i[64*i+32+:32];
    end
    for (int unsigned k = 1; k < BWait; k++) begin
      if (valid_q[StageMul2-1+k] && tag_q[StageMul2-1+k].mode.affine) b_wait_q[k] <= b_wait_q[k-1];
    end
  end

  logic [UnitBits-1:0] x_fifo_q[XDepth];
  logic [XBits-1:0] x_head_q, x_tail_q;
  logic x_push, x_pop;
  logic [UnitBits-1:0] x_head;
  logic [Lanes-1:0][31:0] x_wide;

  assign x_push = valid_i && tag_i.mode.residual;
  assign x_pop = valid_q[StageAdd2-1] && tag_q[StageAdd2-1].mode.residual;
  assign x_head = x_fifo_q[x_head_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      x_head_q <= '0;
      x_tail_q <= '0;
    end else begin
      if (x_push) x_tail_q <= x_tail_q + 1'b1;
      if (x_pop) x_head_q <= x_head_q + 1'b1;
    end
    if (x_push) x_fifo_q[x_tail_q] <= x_i;
  end

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_x
    fvgm_fp16_to_fp32 u_wide (
        .a_i(x_head[16*i+:16]),
        .y_o(x_wide[i])
    );
  end

  always_ff @(posedge clk_i) begin
    if (valid_q[StageAdd2-1]) begin
      if (tag_q[StageAdd2-1].mode.residual) b_o <= x_wide;
      else if (tag_q[StageAdd2-1].mode.affine) b_o <= b_wait_q[BWait-1];
      else b_o <= {Lanes{Fp32NegZero}};
    end
  end

  // StageSum
  always_ff @(posedge clk_i) begin
    if (valid_q[StageSum-1]) ctrl_o.to_f16 <= tag_q[StageSum-1].mode.half;
  end

endmodule

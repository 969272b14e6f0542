// Row scalars of the sfu: one pipeline for every row event, one event per cycle.
//
//   v -> [* imm0 | * 1/127] -> [+ imm1] -> [recip | rsqrt] -> [* 127]
//
// | event | result | to |
// | PassSquare: sum t^2 | rstd = rsqrt(v * imm0 + imm1), after 13 | rstd_* |
// | PassExp: sum p | 1/v, after 13 | rbuf |
// | PassQuant: max |y| | scale = v * (1/127), after 13; inv = 127 * recip(v), after 16 | rbuf; inv_* |
//
// Sums come first; maxima wait in a queue. A context has at most one event under way, so that a queue
// of one place per context never overflows. FP32 throughout (models/sfu.py).
`include "fvgm_assert.svh"

module fvgm_sfu_scalar
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic        clk_i,
    input  logic        rst_ni,
    input  batch_t batch_i[Banks],

    input  logic        sum_valid_i,
    input  ctx_t        sum_ctx_i,
    input  pass_e       sum_pass_i,
    input  logic [31:0] sum_i,

    input  logic        max_valid_i,
    input  ctx_t        max_ctx_i,
    input  logic [31:0] max_i,

    output logic        rstd_valid_o,
    output ctx_t        rstd_ctx_o,
    output logic [31:0] rstd_o,

    output logic        inv_valid_o,
    output ctx_t        inv_ctx_o,
    output logic [31:0] inv_o,

    output logic        rbuf_valid_o,
    output ctx_t        rbuf_ctx_o,
    output logic        rbuf_exp_o,  // the row's last event (SOFTMAX)
    output logic [31:0] rbuf_data_o
);

  localparam int unsigned StageAdd = FpMulLatency;
  localparam int unsigned StageInv = StageAdd + FpAddLatency;
  localparam int unsigned StageDone = StageInv + FnLatency;
  localparam int unsigned StageScaled = StageDone + FpMulLatency;

  typedef struct packed {
    ctx_t ctx;
    pass_e pass;
  } event_t;

  // Queue of maxima
  ctx_t queue_ctx_q[Contexts];
  logic [31:0] queue_q[Contexts];
  logic [CtxBits:0] head_q, tail_q;
  logic queue_valid, pop;

  assign queue_valid = head_q != tail_q;
  assign pop = queue_valid && !sum_valid_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= '0;
      tail_q <= '0;
    end else begin
      if (max_valid_i) tail_q <= tail_q + 1'b1;
      if (pop) head_q <= head_q + 1'b1;
    end
    if (max_valid_i) begin
      queue_q[tail_q[CtxBits-1:0]] <= max_i;
      queue_ctx_q[tail_q[CtxBits-1:0]] <= max_ctx_i;
    end
  end

  // What belongs to an event moves along: ev[i] and raw[i] are i cycles old.
  logic [StageScaled:0] valid;
  logic [StageScaled:1] valid_q;
  event_t ev[StageScaled+1];
  event_t ev_q[StageScaled+1];
  logic [31:0] raw[StageInv+1];
  logic [31:0] raw_q[StageInv+1];

  always_comb begin
    valid = {valid_q, sum_valid_i || queue_valid};
    ev = ev_q;
    raw = raw_q;
    if (sum_valid_i) begin
      ev[0] = {sum_ctx_i, sum_pass_i};
      raw[0] = sum_i;
    end else begin
      ev[0] = {queue_ctx_q[head_q[CtxBits-1:0]], PassQuant};
      raw[0] = queue_q[head_q[CtxBits-1:0]];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= valid[StageScaled-1:0];
    for (int unsigned i = 0; i < StageScaled; i++) if (valid[i]) ev_q[i+1] <= ev[i];
    for (int unsigned i = 0; i < StageInv; i++) if (valid[i]) raw_q[i+1] <= raw[i];
  end

  // [* imm0 | * 1/127]
  logic [31:0] factor, product;
  logic product_valid;

  always_comb begin
    unique case (ev[0].pass)
      PassQuant: factor = Fp32Inv127;
      PassExp: factor = Fp32One;
      default: factor = batch_i[ev[0].ctx.bank].imm0;
    endcase
  end

  fvgm_fp32_mul u_mul (
      .clk_i,
      .rst_ni,
      .valid_i(valid[0]),
      .a_i(raw[0]),
      .b_i(factor),
      .valid_o(product_valid),
      .y_o(product)
  );

  // [+ imm1]
  logic [31:0] term, total;
  logic total_valid;

  assign term =
      (ev[StageAdd].pass == PassSquare) ? batch_i[ev[StageAdd].ctx.bank].imm1 : Fp32NegZero;

  fvgm_fp32_add u_add (
      .clk_i,
      .rst_ni,
      .valid_i(product_valid),
      .a_i(product),
      .b_i(term),
      .valid_o(total_valid),
      .y_o(total)
  );

  // [recip | rsqrt]; the scale goes along
  logic is_square, inverse_valid;
  logic [31:0] inverse;
  logic [31:0] scale_q[FnLatency];

  assign is_square = ev[StageInv].pass == PassSquare;

  fvgm_sfu_inv u_inv (
      .clk_i,
      .rst_ni,
      .valid_i(total_valid),
      .rsqrt_i(is_square),
      .x_i(is_square ? total : raw[StageInv]),
      .valid_o(inverse_valid),
      .y_o(inverse)
  );

  always_ff @(posedge clk_i) begin
    if (valid[StageInv]) scale_q[0] <= total;
    for (int unsigned i = 1; i < FnLatency; i++) if (valid[StageInv+i]) scale_q[i] <= scale_q[i-1];
  end

  assign rstd_valid_o = inverse_valid && ev[StageDone].pass == PassSquare;
  assign rstd_ctx_o = ev[StageDone].ctx;
  assign rstd_o = inverse;

  assign rbuf_exp_o = ev[StageDone].pass == PassExp;
  assign rbuf_valid_o = inverse_valid && (rbuf_exp_o || ev[StageDone].pass == PassQuant);
  assign rbuf_ctx_o = ev[StageDone].ctx;
  assign rbuf_data_o = rbuf_exp_o ? inverse : scale_q[FnLatency-1];

  // [* 127]
  logic scaled_valid;

  fvgm_fp32_mul u_scale (
      .clk_i,
      .rst_ni,
      .valid_i(inverse_valid && ev[StageDone].pass == PassQuant),
      .a_i(inverse),
      .b_i(Fp32C127),
      .valid_o(scaled_valid),
      .y_o(inv_o)
  );

  assign inv_valid_o = scaled_valid;
  assign inv_ctx_o = ev[StageScaled].ctx;

  `FVGM_ASSERT(QueueHolds, (tail_q - head_q) <= (CtxBits + 1)'(Contexts))
  `FVGM_ASSERT(EventsAligned, product_valid == valid[StageAdd] && total_valid == valid[StageInv] &&
               inverse_valid == valid[StageDone])

endmodule

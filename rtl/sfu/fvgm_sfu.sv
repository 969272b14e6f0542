// Special-function unit: LayerNorm, dynamic INT8 quantisation, GELU, softmax and gated residual over
// rows of vbuf (docs/sfu.md; models/sfu.py is the same in numpy).
//
// Eight lanes; an operation is a sequence of passes over a row, up to 16 rows a batch, several
// batches in flight. One group of 8 elements per cycle and pass.
// Commands: sfu_t, valid/ready; done_o pulses once per command in order. vbuf read: two consecutive
// units, 2 cycles after the accepted request; pbuf read: one entry, always accepted, 2 cycles; abuf
// and vbuf write: one unit; rbuf write: one word, always accepted.
// busy_o: a command is present. stall_*_o: no group was issued this cycle because a row scalar or a
// bank of contexts was not ready (wait), vbuf denied the read (read), or the output queue was full
// (write).
// Errors: none; the scheduler has checked the fields. Units beyond a buffer wrap as the buffer does.
module fvgm_sfu
  import fvgm_fp_pkg::*;
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input logic clk_i,
    input logic rst_ni,

    input  logic cmd_valid_i,
    output logic cmd_ready_o,
    input  sfu_t cmd_i,
    output logic done_o,

    output logic                vbuf_rd_valid_o,
    input  logic                vbuf_rd_ready_i,
    output logic [AddrBits-1:0] vbuf_rd_addr_o,
    input  logic [       255:0] vbuf_rd_data_i,

    output logic                 pbuf_rd_valid_o,
    output logic [EntryBits-1:0] pbuf_rd_addr_o,
    input  logic [        511:0] pbuf_rd_data_i,

    output logic                abuf_wr_valid_o,
    input  logic                abuf_wr_ready_i,
    output logic [AddrBits-1:0] abuf_wr_addr_o,
    output logic [UnitBits-1:0] abuf_wr_data_o,

    output logic                vbuf_wr_valid_o,
    input  logic                vbuf_wr_ready_i,
    output logic [AddrBits-1:0] vbuf_wr_addr_o,
    output logic [UnitBits-1:0] vbuf_wr_data_o,

    output logic                 rbuf_wr_valid_o,
    output logic [EntryBits-1:0] rbuf_wr_addr_o,
    output logic [         31:0] rbuf_wr_data_o,

    output logic busy_o,
    output logic stall_wait_o,
    output logic stall_read_o,
    output logic stall_write_o
);

  // Commands under way, oldest first: is it a SOFTMAX, whose last word is a row scalar?
  localparam int unsigned MaxCommands = 8;
  localparam int unsigned CountBits = $clog2(MaxCommands + 1);

  logic [MaxCommands-1:0] exp_q;
  logic [CountBits-1:0] count_q, units_done_q, exp_done_q;
  logic started, started_exp, units_done, exp_done;

  // Issue
  cfg_t cfg[Banks];
  slot_t slot;
  logic slot_valid, out_pop, pending;
  logic [Contexts-1:0] ready_set;
  logic [Banks-1:0] bank_free;
  logic [31:0] imm0[Banks];
  logic [31:0] imm1[Banks];
  logic [EntryBits-1:0] pbuf_base[Banks];

  always_comb begin
    for (int unsigned i = 0; i < Banks; i++) begin
      imm0[i] = cfg[i].imm0;
      imm1[i] = cfg[i].imm1;
      pbuf_base[i] = cfg[i].pbuf_base;
    end
  end

  fvgm_sfu_issue u_issue (
      .clk_i,
      .rst_ni,
      .cmd_valid_i,
      .cmd_ready_o,
      .cmd_i,
      .start_ok_i(count_q != CountBits'(MaxCommands)),
      .started_o(started),
      .started_exp_o(started_exp),
      .rd_valid_o(vbuf_rd_valid_o),
      .rd_ready_i(vbuf_rd_ready_i),
      .rd_addr_o(vbuf_rd_addr_o),
      .slot_valid_o(slot_valid),
      .slot_o(slot),
      .cfg_o(cfg),
      .ready_set_i(ready_set),
      .bank_free_i(bank_free),
      .out_pop_i(out_pop),
      .pending_o(pending),
      .stall_wait_o,
      .stall_read_o,
      .stall_write_o
  );

  // Load
  logic load_valid, load_fp32;
  tag_t load_tag;
  logic [2*UnitBits-1:0] load_data;
  logic [UnitBits-1:0] load_x;

  fvgm_sfu_load u_load (
      .clk_i,
      .rst_ni,
      .valid_i(slot_valid),
      .slot_i(slot),
      .rd_data_i(vbuf_rd_data_i),
      .valid_o(load_valid),
      .tag_o(load_tag),
      .fp32_o(load_fp32),
      .data_o(load_data),
      .x_o(load_x)
  );

  // To canonical FP32
  logic [Lanes-1:0][31:0] from_f16, from_f32, x_q;

  function automatic logic [31:0] canonical(fp32_t x);
    if (fp32_is_nan(x)) return Fp32Nan;
    return fp32_is_zero(x) ? {x.sign, 31'b0} : x;
  endfunction

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_in
    fvgm_fp16_to_fp32 u_wide (
        .a_i(load_data[16*i+:16]),
        .y_o(from_f16[i])
    );
    assign from_f32[i] = canonical(load_data[32*i+:32]);
  end

  always_ff @(posedge clk_i) begin
    if (load_valid) x_q <= load_fp32 ? from_f32 : from_f16;
  end

  // Operands and lanes
  logic mean_valid, rstd_valid, inv_valid, max_valid, max_magnitude;
  ctx_t mean_ctx, rstd_ctx, inv_ctx, max_ctx;
  logic [31:0] neg_mean, rstd, inv, max;
  lane_ctrl_t ctrl;
  logic [Lanes-1:0][31:0] a, b, lane_sum, lane_y;
  logic [Lanes-1:0][15:0] lane_f16;
  logic [Lanes-1:0][7:0] lane_i8;
  logic in_valid, mul3_valid, cvt_valid, out_valid, out_cmd_first;
  group_t in_group, mul3_group, out_group;
  pass_e in_pass, mul3_pass, cvt_pass, out_pass;

  fvgm_sfu_operands u_operands (
      .clk_i,
      .rst_ni,
      .imm0_i(imm0),
      .pbuf_base_i(pbuf_base),
      .valid_i(load_valid),
      .tag_i(load_tag),
      .x_i(load_x),
      .mean_valid_i(mean_valid),
      .mean_ctx_i(mean_ctx),
      .neg_mean_i(neg_mean),
      .max_valid_i(max_valid && !max_magnitude),
      .max_ctx_i(max_ctx),
      .max_i(max),
      .rstd_valid_i(rstd_valid),
      .rstd_ctx_i(rstd_ctx),
      .rstd_i(rstd),
      .inv_valid_i(inv_valid),
      .inv_ctx_i(inv_ctx),
      .inv_i(inv),
      .pbuf_rd_valid_o,
      .pbuf_rd_addr_o,
      .pbuf_rd_data_i,
      .ctrl_o(ctrl),
      .a_o(a),
      .b_o(b),
      .in_valid_o(in_valid),
      .in_group_o(in_group),
      .in_pass_o(in_pass),
      .mul3_valid_o(mul3_valid),
      .mul3_group_o(mul3_group),
      .mul3_pass_o(mul3_pass),
      .cvt_valid_o(cvt_valid),
      .cvt_pass_o(cvt_pass),
      .out_valid_o(out_valid),
      .out_group_o(out_group),
      .out_pass_o(out_pass),
      .out_cmd_first_o(out_cmd_first)
  );

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_lane
    fvgm_sfu_lane u_lane (
        .clk_i,
        .rst_ni,
        .valid_i(in_valid),
        .x_i(x_q[i]),
        .ctrl_i(ctrl),
        .a_i(a[i]),
        .b_i(b[i]),
        .sum_o(lane_sum[i]),
        .y_o(lane_y[i]),
        .f16_o(lane_f16[i]),
        .i8_o(lane_i8[i])
    );
  end

  // Maximum: of x at the entry of the lanes, of |y| before the scaling step. The two never meet: a
  // row enters its writing pass only after its last maximum is known.
  logic max_of_x, max_of_y;

  assign max_of_x = in_valid && in_pass == PassMax;
  assign max_of_y = mul3_valid && mul3_pass == PassAbsmax;

  fvgm_sfu_max u_max (
      .clk_i,
      .rst_ni,
      .valid_i(max_of_x || max_of_y),
      .group_i(max_of_y ? mul3_group : in_group),
      .magnitude_i(max_of_y),
      .x_i(max_of_y ? lane_sum : x_q),
      .valid_o(max_valid),
      .magnitude_o(max_magnitude),
      .ctx_o(max_ctx),
      .max_o(max)
  );

  // Sum at the exit of the lanes: of FP32 values, or of probabilities as rounded
  logic [Lanes-1:0][31:0] y_q[FpToF16Latency];
  logic [Lanes-1:0][31:0] rounded;
  logic sum_valid, row_sum_valid;
  logic [31:0] row_sum;
  ctx_t row_sum_ctx;
  pass_e row_sum_pass;
  logic lane_y_summed, y_valid_q;

  assign lane_y_summed = cvt_valid && (cvt_pass == PassSum || cvt_pass == PassSquare);
  assign sum_valid = out_valid &&
      (out_pass == PassSum || out_pass == PassSquare || out_pass == PassExp);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) y_valid_q <= 1'b0;
    else y_valid_q <= lane_y_summed;
    if (lane_y_summed) y_q[0] <= lane_y;
    if (y_valid_q) y_q[1] <= y_q[0];
  end

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_rounded
    fvgm_fp16_to_fp32 u_wide (
        .a_i(lane_f16[i]),
        .y_o(rounded[i])
    );
  end

  fvgm_sfu_sum u_sum (
      .clk_i,
      .rst_ni,
      .valid_i(sum_valid),
      .group_i(out_group),
      .pass_i(out_pass),
      .x_i(out_pass == PassExp ? rounded : y_q[1]),
      .valid_o(row_sum_valid),
      .ctx_o(row_sum_ctx),
      .pass_o(row_sum_pass),
      .sum_o(row_sum)
  );

  // Row scalars
  logic rbuf_exp;
  ctx_t rbuf_ctx;

  fvgm_sfu_scalar u_scalar (
      .clk_i,
      .rst_ni,
      .imm0_i(imm0),
      .imm1_i(imm1),
      .sum_valid_i(row_sum_valid),
      .sum_ctx_i(row_sum_ctx),
      .sum_pass_i(row_sum_pass),
      .sum_i(row_sum),
      .max_valid_i(max_valid && max_magnitude),
      .max_ctx_i(max_ctx),
      .max_i(max),
      .mean_valid_o(mean_valid),
      .mean_ctx_o(mean_ctx),
      .neg_mean_o(neg_mean),
      .rstd_valid_o(rstd_valid),
      .rstd_ctx_o(rstd_ctx),
      .rstd_o(rstd),
      .inv_valid_o(inv_valid),
      .inv_ctx_o(inv_ctx),
      .inv_o(inv),
      .rbuf_valid_o(rbuf_wr_valid_o),
      .rbuf_ctx_o(rbuf_ctx),
      .rbuf_exp_o(rbuf_exp),
      .rbuf_data_o(rbuf_wr_data_o)
  );

  assign rbuf_wr_addr_o = cfg[rbuf_ctx.bank].rbuf_addr + EntryBits'(rbuf_ctx.row);

  always_comb begin
    ready_set = '0;
    if (mean_valid) ready_set[mean_ctx] = 1'b1;
    if (rstd_valid) ready_set[rstd_ctx] = 1'b1;
    if (inv_valid) ready_set[inv_ctx] = 1'b1;
    if (max_valid && !max_magnitude) ready_set[max_ctx] = 1'b1;
  end

  // Write
  logic out_batch_end;  // the last row of the batch
  logic [AddrBits-1:0] wr_addr;
  logic [UnitBits-1:0] wr_data;

  assign out_batch_end = out_group.ctx.row == cfg[out_group.ctx.bank].last_row;

  fvgm_sfu_write u_write (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid && pass_writes(out_pass)),
      .index_i(out_group.index),
      .lanes_i(out_group.lanes),
      .row_last_i(out_group.row_last),
      .first_row_i(out_cmd_first),
      .last_row_i(out_batch_end && cfg[out_group.ctx.bank].cmd_last),
      .dst_i(cfg[out_group.ctx.bank].dst),
      .f16_i(lane_f16),
      .i8_i(lane_i8),
      .pop_o(out_pop),
      .done_o(units_done),
      .abuf_wr_valid_o,
      .abuf_wr_ready_i,
      .vbuf_wr_valid_o,
      .vbuf_wr_ready_i,
      .wr_addr_o(wr_addr),
      .wr_data_o(wr_data)
  );

  assign abuf_wr_addr_o = wr_addr;
  assign abuf_wr_data_o = wr_data;
  assign vbuf_wr_addr_o = wr_addr;
  assign vbuf_wr_data_o = wr_data;

  // A bank is free when the last row of its batch has left: the lanes, or, SOFTMAX, the scalar unit.
  logic exp_last, out_last;

  assign out_last = out_valid && out_pass == PassWrite && out_group.row_last && out_batch_end;
  assign exp_last = rbuf_wr_valid_o && rbuf_exp && rbuf_ctx.row == cfg[rbuf_ctx.bank].last_row;
  assign exp_done = exp_last && cfg[rbuf_ctx.bank].cmd_last;

  always_comb begin
    bank_free = '0;
    if (out_last) bank_free[out_group.ctx.bank] = 1'b1;
    if (exp_last) bank_free[rbuf_ctx.bank] = 1'b1;
  end

  // Completion in order
  assign done_o = units_done_q != '0 && (!exp_q[0] || exp_done_q != '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      units_done_q <= '0;
      exp_done_q <= '0;
    end else begin
      count_q <= count_q + CountBits'(started) - CountBits'(done_o);
      units_done_q <= units_done_q + CountBits'(units_done) - CountBits'(done_o);
      exp_done_q <= exp_done_q + CountBits'(exp_done) - CountBits'(done_o && exp_q[0]);
    end
    if (done_o) exp_q <= {1'b0, exp_q[MaxCommands-1:1]};
    if (started) begin
      exp_q[$clog2(MaxCommands)'(count_q-CountBits'(done_o))] <= started_exp;
    end
  end

  assign busy_o = pending || count_q != '0;

endmodule

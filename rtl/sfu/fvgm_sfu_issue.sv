// Issue stage of the sfu: turns commands into slots, one cycle of the lanes each.
//
// Rows are taken in batches of up to 16; a batch goes through its passes one after the other, each
// over all rows of the batch. The first slot of a row in a later pass waits until the scalar of the
// pass before is there (ready_set_i). A batch occupies one of 4 banks (its contexts and its copy of
// the command, cfg_o) until bank_free_i; the next batch, also of the next command, issues meanwhile.
// A slot of a writing pass reserves a place in the output queue for each unit that it completes.
//
// vbuf read: `rd_valid_o`, `rd_addr_o` (first of two units), `rd_ready_i`; the slot goes to the load
// stage in the cycle of acceptance. FP16: every second slot reads; FP32 and RESIDUAL: every slot.
// started_o / started_exp_o: a command begins (SOFTMAX). stall_*_o: why no slot was issued while a
// command was there: scalar or bank not ready, read denied, output queue full.
// Between a RESIDUAL command and the next one cycle stays empty. No error outputs: the scheduler has
// checked the fields.
`include "fvgm_assert.svh"

module fvgm_sfu_issue
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
(
    input  logic clk_i,
    input  logic rst_ni,

    input  logic cmd_valid_i,
    output logic cmd_ready_o,
    input  sfu_t cmd_i,

    input  logic start_ok_i,  // another command may begin
    output logic started_o,
    output logic started_exp_o,

    output logic                rd_valid_o,
    input  logic                rd_ready_i,
    output logic [AddrBits-1:0] rd_addr_o,

    output logic  slot_valid_o,
    output slot_t slot_o,

    output cfg_t                cfg_o[Banks],
    input  logic [Contexts-1:0] ready_set_i,
    input  logic [   Banks-1:0] bank_free_i,
    input  logic                out_pop_i,

    output logic pending_o,
    output logic stall_wait_o,
    output logic stall_read_o,
    output logic stall_write_o
);

  localparam int unsigned CreditBits = $clog2(OutDepth + 1);

  // Rows of the next batch, so that no command ends with a short batch
  function automatic logic [RowBits:0] batch_of(logic [15:0] rows);
    if (rows >= 16'(2 * BatchRows)) return (RowBits + 1)'(BatchRows);
    if (rows > 16'(BatchRows)) return (RowBits + 1)'((rows + 16'd1) >> 1);
    return (RowBits + 1)'(rows);
  endfunction

  // Next command
  logic next_valid_q, take_next;
  sfu_t next_q;

  logic unused_reserved;

  assign cmd_ready_o = !next_valid_q;
  assign unused_reserved = ^next_q.reserved;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) next_valid_q <= 1'b0;
    else next_valid_q <= next_valid_q ? !take_next : cmd_valid_i;
    if (cmd_valid_i && cmd_ready_o) next_q <= cmd_i;
  end

  // Present command
  typedef struct packed {
    sfu_op_e op;
    logic int8;
    logic fp32;
    logic affine;
    logic [AddrBits-1:0] x_step;
    logic [AddrBits-1:0] y_step;
    logic [GroupBits-1:0] last_group;
    logic [3:0] last_lanes;
    logic [15:0] rows_left;  // after the present batch
    logic first_batch;
    logic [AddrBits-1:0] x_batch;  // unit of the first row of the present batch
    cfg_t cfg;  // of the present batch
  } state_t;

  typedef struct packed {
    pass_e pass;
    logic [RowBits-1:0] row;
    logic [GroupBits-1:0] group;
    logic y_phase;  // RESIDUAL: the next read is y
    logic [AddrBits-1:0] x_row;  // unit of the present row
    logic [AddrBits-1:0] x_addr;  // next read
    logic [AddrBits-1:0] y_row;
    logic [AddrBits-1:0] y_addr;
  } place_t;

  logic active_d, active_q, gap_d, gap_q;
  state_t s_d, s_q;
  place_t p_d, p_q;
  logic [BankBits-1:0] bank_d, bank_q;
  logic [Banks-1:0] bank_busy_q;
  logic [Contexts-1:0] ready_q;
  logic [CreditBits-1:0] credit_q;
  cfg_t cfg_q[Banks];

  // The slot
  ctx_t ctx;
  logic residual, writes, has_second, row_end, pass_end, last_pass;
  logic row_start, batch_start, reads, wait_scalar, no_credit, may_issue, advance;
  logic on_y;  // the pass works on y, not on x
  logic [1:0] take;

  always_comb begin
    ctx = {bank_q, p_q.row};
    residual = s_q.op == SfuResidual;
    writes = pass_writes(p_q.pass);
    on_y = p_q.pass == PassAbsmax || p_q.pass == PassWrite;
    has_second = p_q.group != s_q.last_group;
    row_start = p_q.group == '0 && !p_q.y_phase;
    batch_start = row_start && p_q.row == '0 && p_q.pass == first_pass(s_q.op, s_q.int8);

    if (residual) row_end = p_q.y_phase && (!has_second || p_q.group + 1'b1 == s_q.last_group);
    else row_end = !has_second;
    pass_end = row_end && p_q.row == s_q.cfg.last_row;
    last_pass = writes;

    reads = residual || s_q.fp32 || !p_q.group[0];
    wait_scalar = batch_start ? bank_busy_q[bank_q] :
        row_start && p_q.pass != first_pass(s_q.op, s_q.int8) && !ready_q[ctx];
    no_credit = writes && credit_q < CreditBits'(2);

    // Units that this slot completes, or, for INT8, begins
    take = 2'd0;
    if (writes) begin
      if (residual) take = !p_q.y_phase ? 2'd0 : has_second ? 2'd2 : 2'd1;
      else if (!s_q.int8 || !p_q.group[0]) take = 2'd1;
    end

    may_issue = active_q && !gap_q && !wait_scalar && !no_credit;
  end

  assign advance = may_issue && (!reads || rd_ready_i);
  assign rd_valid_o = may_issue && reads;
  assign rd_addr_o = p_q.y_phase ? p_q.y_addr : p_q.x_addr;
  assign slot_valid_o = advance;

  always_comb begin
    slot_o.tag.group.ctx = ctx;
    slot_o.tag.group.index = p_q.group;
    slot_o.tag.group.lanes = has_second ? 4'(Lanes) : s_q.last_lanes;
    slot_o.tag.group.row_last = !has_second;
    slot_o.tag.pass = p_q.pass;
    slot_o.tag.mode.norm = s_q.op == SfuLayernorm && on_y;
    slot_o.tag.mode.center = s_q.op == SfuLayernorm && p_q.pass != PassSum;
    slot_o.tag.mode.square = p_q.pass == PassSquare;
    slot_o.tag.mode.exp = p_q.pass == PassExp;
    slot_o.tag.mode.gelu = s_q.op == SfuGelu;
    slot_o.tag.mode.affine = s_q.affine && (residual || s_q.op == SfuLayernorm) && on_y;
    slot_o.tag.mode.residual = residual;
    slot_o.tag.mode.scale = s_q.int8 && p_q.pass == PassWrite;
    slot_o.tag.mode.half = !s_q.int8 && writes;
    slot_o.tag.cmd_first = s_q.first_batch && p_q.row == '0;
    slot_o.fp32 = s_q.fp32;
    slot_o.held = !reads;
    slot_o.x_pair = residual && !p_q.y_phase;
    slot_o.y_pair = p_q.y_phase;
    slot_o.second = has_second;
    slot_o.second_last = p_q.group + 1'b1 == s_q.last_group;
    slot_o.second_lanes = slot_o.second_last ? s_q.last_lanes : 4'(Lanes);
  end

  // Next place
  always_comb begin
    s_d = s_q;
    p_d = p_q;
    bank_d = bank_q;
    active_d = active_q;
    gap_d = 1'b0;
    take_next = 1'b0;

    if (advance) begin
      if (reads && !p_q.y_phase) p_d.x_addr = p_q.x_addr + AddrBits'(2);
      if (p_q.y_phase) p_d.y_addr = p_q.y_addr + AddrBits'(2);
      p_d.y_phase = residual && !p_q.y_phase;
      if (!residual) p_d.group = p_q.group + 1'b1;
      else if (p_q.y_phase) p_d.group = p_q.group + GroupBits'(2);

      if (row_end) begin
        p_d.group = '0;
        p_d.row = p_q.row + 1'b1;
        p_d.x_row = p_q.x_row + s_q.x_step;
        p_d.y_row = p_q.y_row + s_q.y_step;
        if (pass_end) begin
          p_d.row = '0;
          p_d.pass = next_pass(p_q.pass, s_q.int8);
          if (last_pass) begin
            // The next row starts a new batch.
            p_d.pass = first_pass(s_q.op, s_q.int8);
            bank_d = bank_q + 1'b1;
            s_d.first_batch = 1'b0;
            s_d.x_batch = p_d.x_row;
            s_d.cfg.last_row = RowBits'(batch_of(s_q.rows_left) - 1'b1);
            s_d.rows_left = s_q.rows_left - 16'(batch_of(s_q.rows_left));
            s_d.cfg.cmd_last = s_d.rows_left == '0;
            s_d.cfg.rbuf_addr = s_q.cfg.rbuf_addr + EntryBits'(s_q.cfg.last_row) + 1'b1;
            active_d = s_q.rows_left != '0;
            gap_d = residual && !active_d;
          end else begin
            p_d.x_row = s_q.x_batch;
          end
        end
        p_d.x_addr = p_d.x_row;
        p_d.y_addr = p_d.y_row;
      end
    end

    if (!active_d && next_valid_q && start_ok_i) begin
      take_next = 1'b1;
      active_d = 1'b1;
      s_d.affine = next_q.affine;
      s_d.x_step = next_q.x_step;
      s_d.y_step = next_q.y_step;
      s_d.op = sfu_op_e'(next_q.op);
      s_d.int8 = !next_q.out_fp16 && next_q.op != SfuSoftmax && next_q.op != SfuResidual;
      s_d.fp32 = next_q.x_fp32 && next_q.op == SfuSoftmax;
      s_d.last_group = GroupBits'((next_q.cols - 16'd1) >> 3);
      s_d.last_lanes = (next_q.cols[2:0] == '0) ? 4'(Lanes) : {1'b0, next_q.cols[2:0]};
      s_d.cfg.last_row = RowBits'(batch_of(next_q.rows) - 1'b1);
      s_d.rows_left = next_q.rows - 16'(batch_of(next_q.rows));
      s_d.cfg.rbuf_addr = next_q.rbuf_base;
      s_d.first_batch = 1'b1;
      s_d.x_batch = next_q.x_base;
      s_d.cfg.dst.to_vbuf = next_q.dst == BufV;
      s_d.cfg.dst.int8 = s_d.int8;
      s_d.cfg.dst.base = next_q.d_base;
      s_d.cfg.dst.row = next_q.d_row;
      s_d.cfg.dst.unit_step = next_q.d_unit;
      s_d.cfg.cmd_last = s_d.rows_left == '0;
      s_d.cfg.pbuf_base = next_q.pbuf_base;
      s_d.cfg.imm0 = next_q.imm0;
      s_d.cfg.imm1 = next_q.imm1;
      p_d.pass = first_pass(s_d.op, s_d.int8);
      p_d.row = '0;
      p_d.group = '0;
      p_d.y_phase = 1'b0;
      p_d.x_row = next_q.x_base;
      p_d.x_addr = next_q.x_base;
      p_d.y_row = next_q.y_base;
      p_d.y_addr = next_q.y_base;
    end
  end

  assign started_o = take_next;
  assign started_exp_o = next_q.op == SfuSoftmax;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      gap_q <= 1'b0;
      bank_q <= '0;
      bank_busy_q <= '0;
      ready_q <= '0;
      credit_q <= CreditBits'(OutDepth);
    end else begin
      active_q <= active_d;
      gap_q <= gap_d;
      bank_q <= bank_d;
      credit_q <= credit_q + CreditBits'(out_pop_i) - (advance ? CreditBits'(take) : '0);
      bank_busy_q <= bank_busy_q & ~bank_free_i;
      if (advance && batch_start) bank_busy_q[bank_q] <= 1'b1;
      ready_q <= ready_q | ready_set_i;
      if (advance && row_start) ready_q[ctx] <= 1'b0;
    end
    if (advance || take_next) begin
      s_q <= s_d;
      p_q <= p_d;
    end
  end

  // The batch's copy of the command
  always_ff @(posedge clk_i) begin
    if (advance && batch_start) cfg_q[bank_q] <= s_q.cfg;
  end

  assign cfg_o = cfg_q;
  assign pending_o = active_q || next_valid_q;
  assign stall_wait_o = active_q && wait_scalar;
  assign stall_read_o = rd_valid_o && !rd_ready_i;
  assign stall_write_o = active_q && !wait_scalar && no_credit;

  `FVGM_ASSERT(CommandHeld, cmd_valid_i && !cmd_ready_o |=> cmd_valid_i && $stable(cmd_i))
  `FVGM_ASSERT(ReadHeld, rd_valid_o && !rd_ready_i |=> rd_valid_o && $stable(rd_addr_o))
  `FVGM_ASSERT(CreditInRange, credit_q <= CreditBits'(OutDepth))

endmodule

// Issue stage of the sfu's lanes: turns batches into slots, one cycle of the lanes each.
//
// Batches come in banks filled in turn (filled_i, batch_i: fvgm_sfu_batch). A batch goes through its
// passes one after the other, each over all of its rows. A row's first slot of a pass waits for the
// scalar that it needs: that of the scan (scan_set_i), or LAYERNORM's 1/sigma (rstd_set_i).
// A slot of a pass that writes takes a place of the store for each of its groups; store_pop_i gives one
// back.
//
// vbuf read: `rd_valid_o`, `rd_addr_o` (first of two units), `rd_ready_i`; the slot goes to the load
// stage in the cycle of acceptance. FP16: every second slot reads; FP32 and RESIDUAL: every slot.
// stall_*_o: why no slot was issued while there was a batch: scalar not ready, read denied, store full.
// One slot per cycle, batches back to back; behind a RESIDUAL command one cycle stays empty. No error
// outputs.
`include "fvgm_assert.svh"

module fvgm_sfu_issue
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
#(
    parameter int unsigned StoreGroups = 1024
) (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic   filled_i,
    input  batch_t batch_i[Banks],

    output logic                rd_valid_o,
    input  logic                rd_ready_i,
    output logic [AddrBits-1:0] rd_addr_o,

    output logic  slot_valid_o,
    output slot_t slot_o,

    input logic [Contexts-1:0] scan_set_i,
    input logic [Contexts-1:0] rstd_set_i,
    input logic                store_pop_i,

    output logic stall_wait_o,
    output logic stall_read_o,
    output logic stall_write_o
);

  localparam int unsigned CountBits = $clog2(Banks + 1);
  localparam int unsigned CreditBits = $clog2(StoreGroups + 1);

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

  // count_q: batches from bank_q on, the open one included
  logic open_q, gap_q;
  logic [CountBits-1:0] count_q, left;
  logic [BankBits-1:0] bank_q;
  place_t p_d, p_q;
  batch_t batch, candidate;
  logic [Contexts-1:0] scan_ready_q, rstd_ready_q;
  logic [CreditBits-1:0] credit_q;

  // The slot
  ctx_t ctx;
  logic residual, writes, on_y, has_second, row_start, row_end, pass_end, close, enter;
  logic reads, needs_scan, needs_rstd, wait_scalar, no_credit, may_issue, advance;
  logic [1:0] take;

  always_comb begin
    batch = batch_i[bank_q];
    ctx = {bank_q, p_q.row};
    residual = batch.op == SfuResidual;
    writes = pass_writes(p_q.pass);
    on_y = p_q.pass == PassAbsmax || p_q.pass == PassQuant || p_q.pass == PassWrite;
    has_second = p_q.group != batch.last_group;
    row_start = p_q.group == '0 && !p_q.y_phase;

    if (residual) row_end = p_q.y_phase && (!has_second || p_q.group + 1'b1 == batch.last_group);
    else row_end = !has_second;
    pass_end = row_end && p_q.row == batch.last_row;

    // A long row's last pass finds its maximum there, and the store waits for the scale.
    reads = residual || batch.fp32 || !p_q.group[0];
    needs_scan = p_q.pass == PassSquare || p_q.pass == PassExp;
    needs_rstd = batch.op == SfuLayernorm && p_q.pass == result_pass(batch);
    wait_scalar = row_start &&
        ((needs_scan && !scan_ready_q[ctx]) || (needs_rstd && !rstd_ready_q[ctx]));
    no_credit = writes && credit_q < CreditBits'(2);

    take = 2'd0;
    if (writes) take = !residual ? 2'd1 : !p_q.y_phase ? 2'd0 : has_second ? 2'd2 : 2'd1;

    may_issue = open_q && !gap_q && !wait_scalar && !no_credit;
  end

  // Apart from the above, on which the read's ready depends
  always_comb begin
    advance = may_issue && (!reads || rd_ready_i);
    close = advance && pass_end && writes;
    left = count_q - CountBits'(close);
    enter = (!open_q || close) && left != '0;
    candidate = batch_i[bank_q+BankBits'(close)];
  end

  assign rd_valid_o = may_issue && reads;
  assign rd_addr_o = p_q.y_phase ? p_q.y_addr : p_q.x_addr;
  assign slot_valid_o = advance;

  always_comb begin
    slot_o.tag.group.ctx = ctx;
    slot_o.tag.group.index = p_q.group;
    slot_o.tag.group.lanes = has_second ? 4'(Lanes) : batch.last_lanes;
    slot_o.tag.group.row_last = !has_second;
    slot_o.tag.pass = p_q.pass;
    slot_o.tag.mode.norm = batch.op == SfuLayernorm && on_y;
    slot_o.tag.mode.center = batch.op == SfuLayernorm;
    slot_o.tag.mode.square = p_q.pass == PassSquare;
    slot_o.tag.mode.exp = p_q.pass == PassExp;
    slot_o.tag.mode.gelu = batch.op == SfuGelu;
    slot_o.tag.mode.affine = batch.affine && on_y;
    slot_o.tag.mode.residual = residual;
    slot_o.tag.mode.half = !batch.int8 && writes;
    slot_o.tag.cmd_first = batch.cmd_first && p_q.row == '0;
    slot_o.fp32 = batch.fp32;
    slot_o.held = !reads;
    slot_o.x_pair = residual && !p_q.y_phase;
    slot_o.y_pair = p_q.y_phase;
    slot_o.second = has_second;
    slot_o.second_last = p_q.group + 1'b1 == batch.last_group;
    slot_o.second_lanes = slot_o.second_last ? batch.last_lanes : 4'(Lanes);
  end

  // Next place
  always_comb begin
    p_d = p_q;
    if (reads && !p_q.y_phase) p_d.x_addr = p_q.x_addr + AddrBits'(2);
    if (p_q.y_phase) p_d.y_addr = p_q.y_addr + AddrBits'(2);
    p_d.y_phase = residual && !p_q.y_phase;
    if (!residual) p_d.group = p_q.group + 1'b1;
    else if (p_q.y_phase) p_d.group = p_q.group + GroupBits'(2);

    if (row_end) begin
      p_d.group = '0;
      p_d.row = p_q.row + 1'b1;
      p_d.x_row = p_q.x_row + batch.x_step;
      p_d.y_row = p_q.y_row + batch.y_step;
      if (pass_end) begin
        p_d.row = '0;
        p_d.pass = next_pass(p_q.pass, batch);
        p_d.x_row = batch.x_base;
      end
      p_d.x_addr = p_d.x_row;
      p_d.y_addr = p_d.y_row;
    end

    if (enter) begin
      p_d.pass = first_pass(candidate);
      p_d.row = '0;
      p_d.group = '0;
      p_d.y_phase = 1'b0;
      p_d.x_row = candidate.x_base;
      p_d.x_addr = candidate.x_base;
      p_d.y_row = candidate.y_base;
      p_d.y_addr = candidate.y_base;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      open_q <= 1'b0;
      gap_q <= 1'b0;
      count_q <= '0;
      bank_q <= '0;
      scan_ready_q <= '0;
      rstd_ready_q <= '0;
      credit_q <= CreditBits'(StoreGroups);
    end else begin
      open_q <= enter || (open_q && !close);
      // The second group of a RESIDUAL's last pair takes this cycle of the lanes.
      gap_q <= close && residual && batch.cmd_last;
      count_q <= left + CountBits'(filled_i);
      bank_q <= bank_q + BankBits'(close);
      credit_q <= credit_q + CreditBits'(store_pop_i) - (advance ? CreditBits'(take) : '0);
      scan_ready_q <= scan_ready_q | scan_set_i;
      rstd_ready_q <= rstd_ready_q | rstd_set_i;
      if (advance && row_start && needs_scan) scan_ready_q[ctx] <= 1'b0;
      if (advance && row_start && needs_rstd) rstd_ready_q[ctx] <= 1'b0;
    end
    if (advance || enter) p_q <= p_d;
  end

  assign stall_wait_o = open_q && wait_scalar;
  assign stall_read_o = rd_valid_o && !rd_ready_i;
  assign stall_write_o = open_q && !wait_scalar && no_credit;

  `FVGM_ASSERT(ReadHeld, rd_valid_o && !rd_ready_i |=> rd_valid_o && $stable(rd_addr_o))
  `FVGM_ASSERT(CreditInRange, credit_q <= CreditBits'(StoreGroups))

endmodule

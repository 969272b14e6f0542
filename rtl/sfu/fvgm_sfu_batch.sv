// Cuts the commands of the sfu into batches of up to 16 rows, each in a bank of its own.
//
// Banks are filled in turn: filled_o pulses when the next one holds a batch, which stays in batch_o until
// bank_free_i. fvgm_sfu_scan and fvgm_sfu_issue follow the banks in the same order. Of 17 to 31 rows
// that are left each batch takes half, so that none is short.
// cmd_ready_o: no command is being cut, and start_ok_i. started_o, started_exp_o: a command (SOFTMAX) is
// taken. pending_o: a command is being cut.
// A batch every second cycle while banks are free; the first, 2 cycles after its command. No error
// outputs: the scheduler has checked the fields.
`include "fvgm_assert.svh"

module fvgm_sfu_batch
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
#(
    parameter int unsigned StoreGroups = 1024
) (
    input  logic clk_i,
    input  logic rst_ni,

    input  logic cmd_valid_i,
    output logic cmd_ready_o,
    input  sfu_t cmd_i,

    input  logic start_ok_i,
    output logic started_o,
    output logic started_exp_o,

    output logic             filled_o,
    output batch_t           batch_o[Banks],
    input  logic [Banks-1:0] bank_free_i,
    output logic             pending_o
);

  localparam int unsigned LongestRow = StoreGroups - StoreSlack;

  if (StoreGroups <= StoreSlack) begin : gen_illegal_store
    $error("fvgm_sfu: StoreGroups must be more than %0d", StoreSlack);
  end

  function automatic logic [RowBits:0] batch_of(logic [15:0] rows);
    if (rows >= 16'(2 * BatchRows)) return (RowBits + 1)'(BatchRows);
    if (rows > 16'(BatchRows)) return (RowBits + 1)'((rows + 16'd1) >> 1);
    return (RowBits + 1)'(rows);
  endfunction

  // The command that is cut. sized_q: rows_q and the way to the batch behind it are known.
  logic active_q, sized_q, take, fill;
  batch_t next_q;  // but for last_row and cmd_last, which rows_q tells
  logic [15:0] left_q;  // rows that are not in a batch yet
  logic [RowBits:0] rows_q;
  logic [AddrBits-1:0] x_way_q, y_way_q;
  logic [BankBits-1:0] bank_q;
  logic [Banks-1:0] busy_q;
  batch_t batch_q[Banks];
  logic [GroupBits-1:0] last_group;
  logic unused_reserved;

  assign cmd_ready_o = !active_q && start_ok_i;
  assign take = cmd_valid_i && cmd_ready_o;
  assign fill = active_q && sized_q && !busy_q[bank_q];
  assign last_group = GroupBits'((cmd_i.cols - 16'd1) >> 3);
  assign unused_reserved = ^cmd_i.reserved;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      busy_q <= '0;
      bank_q <= '0;
      filled_o <= 1'b0;
    end else begin
      if (take) active_q <= 1'b1;
      else if (fill && left_q == 16'(rows_q)) active_q <= 1'b0;
      busy_q <= busy_q & ~bank_free_i;
      if (fill) begin
        busy_q[bank_q] <= 1'b1;
        bank_q <= bank_q + 1'b1;
      end
      filled_o <= fill;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      sized_q <= 1'b0;
      left_q <= cmd_i.rows;
      next_q.op <= sfu_op_e'(cmd_i.op);
      next_q.int8 <= !cmd_i.out_fp16 && cmd_i.op != SfuSoftmax && cmd_i.op != SfuResidual;
      next_q.fp32 <= cmd_i.x_fp32 && cmd_i.op == SfuSoftmax;
      next_q.affine <= cmd_i.affine && cmd_i.op != SfuSoftmax;
      next_q.long_row <= 32'(last_group) >= LongestRow;
      next_q.x_base <= cmd_i.x_base;
      next_q.x_step <= cmd_i.x_step;
      next_q.y_base <= cmd_i.y_base;
      next_q.y_step <= cmd_i.y_step;
      next_q.last_group <= last_group;
      next_q.last_lanes <= (cmd_i.cols[2:0] == '0) ? 4'(Lanes) : {1'b0, cmd_i.cols[2:0]};
      next_q.cmd_first <= 1'b1;
      next_q.cmd_last <= 1'b0;
      next_q.last_row <= '0;
      next_q.dst.to_vbuf <= cmd_i.dst == BufV;
      next_q.dst.base <= cmd_i.d_base;
      next_q.dst.row <= cmd_i.d_row;
      next_q.dst.unit_step <= cmd_i.d_unit;
      next_q.rbuf_addr <= cmd_i.rbuf_base;
      next_q.pbuf_base <= cmd_i.pbuf_base;
      next_q.imm0 <= cmd_i.imm0;
      next_q.imm1 <= cmd_i.imm1;
    end else if (!sized_q) begin
      sized_q <= 1'b1;
      rows_q <= batch_of(left_q);
      x_way_q <= AddrBits'(batch_of(left_q)) * next_q.x_step;
      y_way_q <= AddrBits'(batch_of(left_q)) * next_q.y_step;
    end else if (fill) begin
      sized_q <= 1'b0;
      left_q <= left_q - 16'(rows_q);
      next_q.x_base <= next_q.x_base + x_way_q;
      next_q.y_base <= next_q.y_base + y_way_q;
      next_q.rbuf_addr <= next_q.rbuf_addr + EntryBits'(rows_q);
      next_q.cmd_first <= 1'b0;
    end
    if (fill) begin
      batch_q[bank_q] <= next_q;
      batch_q[bank_q].last_row <= RowBits'(rows_q - 1'b1);
      batch_q[bank_q].cmd_last <= left_q == 16'(rows_q);
    end
  end

  assign batch_o = batch_q;
  assign started_o = take;
  assign started_exp_o = cmd_i.op == SfuSoftmax;
  assign pending_o = active_q;

  `FVGM_ASSERT(CommandHeld, cmd_valid_i && !cmd_ready_o |=> cmd_valid_i && $stable(cmd_i))

endmodule

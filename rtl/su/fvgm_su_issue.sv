// Slots of the pipeline and their reads: for each chunk of a row x, its reference, its cached row
// and with INT8 the cached row again, one slot a cycle.
//
// Port 0 reads units 0 and 1 of a chunk, port 1 units 2 and 3, each waits on its own; the slot
// leaves (token_o, count_o) when both reads were accepted. No further read is asked for before, so
// that one register per port joins the data. SuInFlight rows at most are between here and their
// decision (row_done_i).
//
// Latency: a row's first read is asked for 2 cycles after the row was taken. Throughput: one slot
// per cycle, rows without a gap. Errors: none.
module fvgm_su_issue
  import fvgm_isa_pkg::*;
  import fvgm_su_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  su_t  cmd_i,
  input  logic reads_meta_i,

  input  logic row_valid_i,
  output logic row_ready_o,
  input  row_t row_i,
  input  logic row_done_i,

  output logic [1:0] rd_valid_o,
  input  logic [1:0] rd_ready_i,
  output logic [1:0][19:0] rd_addr_o,

  output token_t token_o,
  output logic [5:0] count_o  // elements of the chunk
);

  // Row at hand.
  logic have_q, first_q, need_mask_q, need_meta_q, use_ref_q, int8;
  slot_e kind_q, kind_next, op;
  logic [15:0] left_q;
  logic [SuRowBits-1:0] row_q;
  logic [19:0] x_q, w_q, s_q;
  logic [3:0] in_flight_q;

  // Request.
  logic req_q, fire, load, take;
  logic [1:0] pend_q, pend_d;
  logic [1:0][19:0] addr_q;
  token_t token_q;
  logic [5:0] count_q;
  logic data, last_chunk, chunk_end, row_end;
  logic [19:0] addr;

  assign fire = req_q && (pend_q & ~rd_ready_i) == '0;
  assign load = !req_q || fire;
  assign take = have_q && load;

  assign int8 = cmd_i.c_int8[0];
  assign data = !need_mask_q && !need_meta_q;
  assign last_chunk = left_q <= 16'd32;

  always_comb begin
    op = kind_q;
    if (need_mask_q) op = SlotMask;
    else if (need_meta_q) op = SlotMeta;

    kind_next = SlotNorm;
    unique case (kind_q)
      SlotNorm: begin
        if (use_ref_q) kind_next = SlotWindow;
        else if (cmd_i.step[0]) kind_next = SlotStep;
      end
      SlotWindow: if (cmd_i.step[0]) kind_next = SlotStep;
      SlotStep: if (int8) kind_next = SlotCached;
      default: kind_next = SlotNorm;
    endcase
    if (cmd_i.mask[0]) kind_next = SlotNorm;

    unique case (op)
      SlotNorm: addr = x_q;
      SlotWindow: addr = w_q;
      SlotMeta: addr = cmd_i.meta_base + 20'(row_q[SuRowBits-1:1]);
      SlotMask: addr = cmd_i.mask_base + 20'(row_q[SuRowBits-1:7]);
      default: addr = s_q;
    endcase

    unique case (op)
      SlotNorm, SlotWindow: pend_d = cmd_i.mask[0] ? 2'b00 : {left_q > 16'd16, 1'b1};
      SlotStep: pend_d = {left_q > 16'd16 && !int8, 1'b1};
      SlotCached: pend_d = 2'b00;
      default: pend_d = 2'b01;
    endcase
  end

  assign chunk_end = data && kind_next == SlotNorm;
  assign row_end = chunk_end && last_chunk;
  assign row_ready_o = in_flight_q < 4'(SuInFlight) && (!have_q || (take && row_end));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      have_q <= 1'b0;
      req_q <= 1'b0;
      pend_q <= '0;
      in_flight_q <= '0;
    end else begin
      in_flight_q <= in_flight_q + 4'(row_valid_i && row_ready_o) - 4'(row_done_i);
      if (row_ready_o) have_q <= row_valid_i;
      else if (take && row_end) have_q <= 1'b0;
      if (load) begin
        req_q <= have_q;
        pend_q <= have_q ? pend_d : '0;
      end else begin
        pend_q <= pend_q & ~rd_ready_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (load) begin
      addr_q[0] <= addr;
      addr_q[1] <= addr + 20'd2;
      token_q <= '{valid: 1'b1, kind: op, first: first_q, last: last_chunk && data,
                   row_end: row_end, keep: 1'b0};
      count_q <= last_chunk ? left_q[5:0] : 6'd32;
    end
    if (row_ready_o && row_valid_i) begin
      row_q <= row_i.row;
      x_q <= row_i.x_addr;
      w_q <= row_i.ref_addr;
      s_q <= row_i.c_addr;
      use_ref_q <= row_i.use_ref;
      kind_q <= SlotNorm;
      first_q <= 1'b1;
      left_q <= cmd_i.mask[0] ? 16'd1 : cmd_i.cols;
      need_mask_q <= cmd_i.mask[0] && row_i.row[6:0] == '0;
      need_meta_q <= reads_meta_i && !row_i.row[0];
    end else if (take) begin
      if (need_mask_q) begin
        need_mask_q <= 1'b0;
      end else if (need_meta_q) begin
        need_meta_q <= 1'b0;
      end else begin
        kind_q <= kind_next;
        if (chunk_end) begin
          first_q <= 1'b0;
          left_q <= left_q - 16'd32;
        end
        if (kind_q == SlotNorm) x_q <= x_q + 20'd4;
        if (kind_q == SlotWindow) w_q <= w_q + 20'd4;
        if (kind_q == SlotStep) s_q <= s_q + (int8 ? 20'd2 : 20'd4);
      end
    end
  end

  // The rest of the command is for others, as is the reference's row.
  logic unused;
  assign unused = ^{cmd_i[$bits(su_t)-1:270], cmd_i[229:37], cmd_i[20:5], cmd_i[3], cmd_i[0],
                    row_i.ref_row, row_q[0]};

  assign rd_valid_o = pend_q;
  assign rd_addr_o = addr_q;

  always_comb begin
    token_o = token_q;
    token_o.valid = fire;
  end
  assign count_o = count_q;

endmodule

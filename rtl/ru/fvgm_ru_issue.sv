// Rows to reads of vbuf, a pair of units each: a copied row reads its source, an extrapolated one a
// pair of c1 and a pair of c2 in turn.
//
// A read is asked for while a place for a result is free (room_i); slot_o describes the read that is
// accepted in this cycle, push_o and place_o the result that it completes.
// Throughput: a read per cycle, from row to row without a gap. Latency: a row's first read is asked
// for in the cycle after the row was taken. Errors: none.
module fvgm_ru_issue
  import fvgm_ru_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic    row_valid_i,
  output logic    row_pop_o,
  input  ru_row_t row_i,

  input  logic        room_i,
  output logic        rd_valid_o,
  input  logic        rd_ready_i,
  output logic [19:0] rd_addr_o,

  output ru_slot_t    slot_o,
  output logic [31:0] k_o,
  output logic        push_o,
  output ru_place_t   place_o,
  output logic        stall_o
);

  // row_q.addr is the next read, row_q.other the one after it in an extrapolated row.
  ru_row_t row_q;
  logic have_q, second_q;  // second_q: this read is of c2
  logic fire, pair_end, last_pair, row_end;
  logic [19:0] beyond;

  assign rd_valid_o = have_q && room_i;
  assign rd_addr_o = row_q.addr;
  assign fire = rd_valid_o && rd_ready_i;
  assign pair_end = fire && (!row_q.ext || second_q);
  assign last_pair = row_q.pairs == '0;
  assign row_end = pair_end && last_pair;
  assign row_pop_o = row_valid_i && (!have_q || row_end);
  assign beyond = row_q.addr + 20'd2;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      have_q <= 1'b0;
      second_q <= 1'b0;
    end else begin
      if (!have_q || row_end) have_q <= row_valid_i;
      if (fire) second_q <= row_q.ext && !second_q;
    end
    if (row_pop_o) begin
      row_q <= row_i;
    end else if (fire) begin
      row_q.addr <= row_q.ext ? row_q.other : beyond;
      row_q.other <= beyond;
      if (pair_end) begin
        row_q.pairs <= row_q.pairs - 1'b1;
        row_q.d_addr <= row_q.d_addr + 20'd2;
      end
    end
  end

  assign slot_o.copy = fire && !row_q.ext;
  assign slot_o.c1 = fire && row_q.ext && !second_q;
  assign slot_o.c2 = fire && second_q;
  assign k_o = row_q.k;
  assign push_o = pair_end;
  assign place_o.last = last_pair && row_q.last;
  assign place_o.two = !(last_pair && row_q.odd);
  assign place_o.addr = row_q.d_addr;
  assign stall_o = have_q && !fire;

endmodule

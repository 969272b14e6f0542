// Results to vbuf: joins what the issue stage said about a result with its data, in order.
//
// issue_i, place_i: a read was accepted that will give a result; a place is its. push_i, data_i: the
// data of the oldest result without any. room_o: a place is free for one more.
// Latency: 2 cycles from push_i to the port. Throughput: a pair of units per cycle. done_o: a cycle
// after the last write of a command was accepted. Errors: an assertion on overflow.
module fvgm_ru_write
  import fvgm_ru_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic      issue_i,
  input  ru_place_t place_i,
  output logic      room_o,

  input  logic              push_i,
  input  logic [1:0][127:0] data_i,

  output logic              wr_valid_o,
  input  logic              wr_ready_i,
  output logic [1:0]        wr_mask_o,
  output logic [1:0][19:0]  wr_addr_o,
  output logic [1:0][127:0] wr_data_o,
  output logic              done_o
);

  localparam int unsigned CountBits = $clog2(RuOutDepth) + 1;

  logic head_valid, pop, place_valid;
  ru_place_t place;
  logic [1:0][127:0] data;
  logic [CountBits-1:0] free_q;

  assign pop = head_valid && (!wr_valid_o || wr_ready_i);
  assign room_o = free_q != '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) free_q <= CountBits'(RuOutDepth);
    else free_q <= free_q - CountBits'(issue_i) + CountBits'(pop);
  end

  fvgm_fifo #(
    .Width($bits(ru_place_t)),
    .Depth(RuOutDepth)
  ) u_places (
    .clk_i,
    .rst_ni,
    .push_i(issue_i),
    .data_i(place_i),
    .valid_o(place_valid),
    .pop_i(pop),
    .data_o(place)
  );

  fvgm_fifo #(
    .Width(256),
    .Depth(RuOutDepth)
  ) u_data (
    .clk_i,
    .rst_ni,
    .push_i,
    .data_i,
    .valid_o(head_valid),
    .pop_i(pop),
    .data_o(data)
  );

  // Port
  logic last_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_valid_o <= 1'b0;
      done_o <= 1'b0;
    end else begin
      if (!wr_valid_o || wr_ready_i) wr_valid_o <= head_valid;
      done_o <= wr_valid_o && wr_ready_i && last_q;
    end
    if (pop) begin
      last_q <= place.last;
      wr_mask_o <= {place.two, 1'b1};
      wr_addr_o <= {place.addr + 20'd1, place.addr};
      wr_data_o <= data;
    end
  end

  logic unused_valid;
  assign unused_valid = place_valid;

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(PlaceBeforeData, head_valid |-> place_valid)

endmodule

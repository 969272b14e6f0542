// Writes result groups: packs, addresses, and queues units for abuf and vbuf.
//
// valid_i with a group of the store: f16_i, or i8_i for a command that writes INT8; lanes from lanes_i on
// become 0. A FP16 group is a unit; two INT8 groups are one, and a row of an odd number of groups ends
// with 8 zero bytes. Groups come in the order of rows and units, so that addresses are counted up. The
// store has reserved a place in the queue for each unit; `pop_o` gives one back. `done_o`: the last unit of a command was accepted.
// Throughput one unit per cycle; latency 1 cycle to the port. No error outputs.
`include "fvgm_assert.svh"

module fvgm_sfu_write
  import fvgm_sfu_pkg::*;
(
    input logic clk_i,
    input logic rst_ni,

    input logic                   valid_i,
    input logic                   first_i,  // group of its row
    input logic                   odd_i,  // group of its row
    input logic [3:0]             lanes_i,
    input logic                   row_last_i,  // last group of its row
    input logic                   first_row_i,  // of its command
    input logic                   last_row_i,
    input dst_t                   dst_i,
    input logic                   int8_i,
    input logic [Lanes-1:0][15:0] f16_i,
    input logic [Lanes-1:0][ 7:0] i8_i,

    output logic pop_o,
    output logic done_o,

    output logic                abuf_wr_valid_o,
    input  logic                abuf_wr_ready_i,
    output logic                vbuf_wr_valid_o,
    input  logic                vbuf_wr_ready_i,
    output logic [AddrBits-1:0] wr_addr_o,
    output logic [UnitBits-1:0] wr_data_o
);

  localparam int unsigned DepthBits = $clog2(OutDepth);

  // Data
  logic [UnitBits-1:0] halves;
  logic [63:0] bytes, low_q;
  logic complete, push;
  out_t entry;

  always_comb begin
    halves = '0;
    bytes = '0;
    for (int unsigned i = 0; i < Lanes; i++) begin
      if (4'(i) < lanes_i) begin
        halves[16*i+:16] = f16_i[i];
        bytes[8*i+:8] = i8_i[i];
      end
    end
  end

  assign complete = !int8_i || odd_i || row_last_i;
  assign push = valid_i && complete;

  // Address
  logic [AddrBits-1:0] row_q, unit_q, row_d, unit_d;

  always_comb begin
    row_d = row_q;
    unit_d = unit_q;
    if (first_i) begin
      row_d = first_row_i ? dst_i.base : row_q + dst_i.row;
      unit_d = row_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      row_q <= row_d;
      unit_q <= complete ? unit_d + dst_i.unit_step : unit_d;
      if (!complete) low_q <= bytes;
    end
  end

  always_comb begin
    entry.to_vbuf = dst_i.to_vbuf;
    entry.cmd_last = last_row_i && row_last_i;
    entry.addr = unit_d;
    entry.data = halves;
    if (int8_i) entry.data = odd_i ? {bytes, low_q} : {64'b0, bytes};
  end

  // Queue
  out_t queue_q[OutDepth];
  logic [DepthBits:0] head_q, tail_q;
  out_t head;
  logic head_valid;

  assign head = queue_q[head_q[DepthBits-1:0]];
  assign head_valid = head_q != tail_q;
  assign pop_o = head_valid && (head.to_vbuf ? vbuf_wr_ready_i : abuf_wr_ready_i);
  assign done_o = pop_o && head.cmd_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= '0;
      tail_q <= '0;
    end else begin
      if (push) tail_q <= tail_q + 1'b1;
      if (pop_o) head_q <= head_q + 1'b1;
    end
    if (push) queue_q[tail_q[DepthBits-1:0]] <= entry;
  end

  assign abuf_wr_valid_o = head_valid && !head.to_vbuf;
  assign vbuf_wr_valid_o = head_valid && head.to_vbuf;
  assign wr_addr_o = head.addr;
  assign wr_data_o = head.data;

  `FVGM_ASSERT(NoOverflow, push |-> (tail_q - head_q) < (DepthBits + 1)'(OutDepth))

endmodule

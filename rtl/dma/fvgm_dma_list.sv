// Row addresses of a list transfer: reads the entries of the list from mbuf ahead of the cut and
// turns each into hbm_addr + row * hbm_stride (modulo 2^40).
//
// start_i takes the list of a command (its fields are looked at in that cycle only); the user then
// takes `rows` addresses, in the order of the list, and starts the next list not before it has
// taken the last one. An entry whose row is not below `bound` comes out as bad_o, its address is
// hbm_addr: what an error names.
//
//   mbuf port ─ 2 cycles ─► bound, row ─► product, offset ─► sum ─► FIFO (8 addresses) ─► user
//
// Parameters: none.
// Latency: 7 cycles from start_i to the cycle in which valid_o shows the first address. Throughput:
// one address per cycle: 8 places in the FIFO cover the 7 cycles that one is held.
// Errors: bad_o, see above; the entries behind a bad one are read as well.
module fvgm_dma_list
  import fvgm_isa_pkg::*;
  import fvgm_dma_pkg::*;
(
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               start_i,
  input  transfer_t          cmd_i,

  output logic               mb_rd_valid_o,
  output logic [15:0]        mb_rd_addr_o,
  input  logic [31:0]        mb_rd_data_i,

  output logic               valid_o,
  input  logic               ready_i,
  output logic [HbmBits-1:0] addr_o,
  output logic               bad_o
);

  localparam int unsigned Depth = 8;  // power of two
  localparam int unsigned CreditBits = $clog2(Depth + 1);
  localparam int unsigned RowBits = 10;
  localparam int unsigned BeatAddrBits = HbmBits - 5;  // addresses and strides are whole beats

  // Of the command, and the entries still to be read.
  logic [15:0] left_q, entry_q, bound_q;
  logic [BeatAddrBits-1:0] base_q;
  logic [26:0] stride_q;
  logic [CreditBits-1:0] credits_q;
  logic request, pop;

  // The pipeline never waits: a credit is a place in the FIFO.
  logic [4:0] pipe_valid_q;
  list_entry_t entry;
  logic fits;
  logic [RowBits-1:0] row_q;
  logic bad_q, product_bad_q, sum_bad_q;
  logic [RowBits+25:0] product_q;
  logic [BeatAddrBits-1:0] offset_q, sum_q;
  logic fifo_ready;

  assign request = left_q != '0 && credits_q != '0;
  assign mb_rd_valid_o = request;
  assign mb_rd_addr_o = entry_q;
  assign pop = valid_o && ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
      credits_q <= CreditBits'(Depth);
      pipe_valid_q <= '0;
    end else begin
      if (start_i) left_q <= cmd_i.rows;
      else if (request) left_q <= left_q - 16'd1;
      if (request && !pop) credits_q <= credits_q - 1'b1;
      else if (pop && !request) credits_q <= credits_q + 1'b1;
      pipe_valid_q <= {pipe_valid_q[3:0], request};
    end
    if (start_i) begin
      entry_q <= cmd_i.list_base;
      bound_q <= cmd_i.bound;
      base_q <= cmd_i.hbm_addr[HbmBits-1:5];
      stride_q <= cmd_i.hbm_stride[31:5];
    end else if (request) begin
      entry_q <= entry_q + 16'd1;
    end
  end

  assign entry = list_entry_t'(mb_rd_data_i);
  assign fits = {6'b0, entry.row} < bound_q;

  // The stride has 27 bits, one more than a signed 27-bit multiplier takes: its top bit is a
  // shifted row, added to the base beside the product. A bad row counts as row 0.
  always_ff @(posedge clk_i) begin
    row_q <= fits ? entry.row : '0;
    bad_q <= !fits;

    product_q <= {26'b0, row_q} * {10'b0, stride_q[25:0]};
    offset_q <= base_q + (stride_q[26] ? {row_q[8:0], 26'b0} : '0);
    product_bad_q <= bad_q;

    sum_q <= offset_q + product_q[BeatAddrBits-1:0];
    sum_bad_q <= product_bad_q;
  end

  fvgm_dma_fifo #(
    .Width(BeatAddrBits + 1),
    .Depth(Depth)
  ) u_rows (
    .clk_i,
    .rst_ni,
    .in_valid_i(pipe_valid_q[4]),
    .in_ready_o(fifo_ready),
    .in_data_i({sum_bad_q, sum_q}),
    .out_valid_o(valid_o),
    .out_ready_i(ready_i),
    .out_data_o({bad_o, addr_o[HbmBits-1:5]})
  );

  assign addr_o[4:0] = '0;

  // What the transfer has beside the list is the cut's.
  logic unused_cmd;
  assign unused_cmd = ^{cmd_i.reserved, cmd_i.list, cmd_i.unit_step, cmd_i.row_step, cmd_i.base,
                        cmd_i.buffer, cmd_i.row_units, cmd_i.hbm_addr[4:0], cmd_i.hbm_stride[4:0],
                        entry.reserved, entry.step, entry.age, entry.slot,
                        product_q[RowBits+25:BeatAddrBits]};

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(StartWhenEmpty, start_i |->
               left_q == '0 && pipe_valid_q == '0 && credits_q == CreditBits'(Depth))
  `FVGM_ASSERT(RowHasRoom, pipe_valid_q[4] |-> fifo_ready)
  `FVGM_ASSERT(ListIsSound, start_i |-> cmd_i.rows != '0 && cmd_i.bound != '0)

endmodule

// Store of the sfu: result groups between the lanes and the write ports, and their scaling to INT8.
//
//   y, or FP16 -> memory -> head -+-> [* inv] -> INT8 -+-> i8_o
//                                 +-> delay -----------+-> f16_o
//
// A queue of StoreGroups groups: the groups of an INT8 row leave it when the row's inverse scale is there
// (inv_valid_i), FP16 groups as soon as the queue of units behind it has a place. So a row whose groups
// fit needs no second pass through the lanes. The issue stage has reserved a place for each group;
// `pop_o` gives one back. `unit_pop_i`: the write queue has one more place.
// Latency from valid_i to valid_o 7 cycles at the least, one group per cycle. No error outputs.
`include "fvgm_assert.svh"

module fvgm_sfu_store
  import fvgm_fp_pkg::*;
  import fvgm_sfu_pkg::*;
#(
    parameter int unsigned StoreGroups = 1024
) (
    input logic clk_i,
    input logic rst_ni,

    input logic                   valid_i,
    input group_t                 group_i,
    input logic                   cmd_first_i,
    input logic                   int8_i,
    input logic [Lanes-1:0][31:0] y_i,
    input logic [Lanes-1:0][15:0] f16_i,

    input logic        inv_valid_i,
    input ctx_t        inv_ctx_i,
    input logic [31:0] inv_i,

    output logic pop_o,
    input  logic unit_pop_i,

    output logic                   valid_o,
    output ctx_t                   ctx_o,
    output logic                   first_o,  // group of its row
    output logic                   odd_o,  // group of its row
    output logic                   row_last_o,
    output logic                   cmd_first_o,
    output logic                   int8_o,
    output logic [3:0]             lanes_o,
    output logic [Lanes-1:0][15:0] f16_o,
    output logic [Lanes-1:0][ 7:0] i8_o
);

  localparam int unsigned PlaceBits = $clog2(StoreGroups);
  localparam int unsigned Latency = FpMulLatency + FpToI8Latency;
  localparam int unsigned CreditBits = $clog2(OutDepth + 1);

  if (StoreGroups != 2 ** PlaceBits) begin : gen_illegal_store
    $error("fvgm_sfu_store: StoreGroups must be a power of two");
  end

  typedef struct packed {
    ctx_t ctx;
    logic first;
    logic odd;
    logic row_last;
    logic cmd_first;
    logic int8;
    logic [3:0] lanes;
  } side_t;

  typedef struct packed {
    side_t side;
    logic [Lanes-1:0][31:0] y;  // FP16: in the lower half
  } entry_t;

  entry_t entry, head;
  logic [PlaceBits:0] head_q, tail_q;
  logic head_valid_q, fetch;

  always_comb begin
    entry.side.ctx = group_i.ctx;
    entry.side.first = group_i.index == '0;
    entry.side.odd = group_i.index[0];
    entry.side.row_last = group_i.row_last;
    entry.side.cmd_first = cmd_first_i;
    entry.side.int8 = int8_i;
    entry.side.lanes = group_i.lanes;
    entry.y = y_i;
    if (!int8_i) entry.y[Lanes/2-1:0] = f16_i;
  end

  fvgm_ram_1r1w #(
      .Width($bits(entry_t)),
      .Depth(StoreGroups)
  ) u_ram (
      .clk_i,
      .wr_en_i(valid_i),
      .wr_addr_i(tail_q[PlaceBits-1:0]),
      .wr_data_i(entry),
      .rd_en_i(fetch),
      .rd_addr_i(head_q[PlaceBits-1:0]),
      .rd_data_o(head)
  );

  // The head is in the memory's output register.
  logic [Contexts-1:0] ready_q;
  logic [31:0] inv_q[Contexts];
  logic [CreditBits-1:0] credit_q;
  logic unit;  // the head completes a unit

  assign unit = !head.side.int8 || head.side.odd || head.side.row_last;
  assign pop_o = head_valid_q && credit_q != '0 && (!head.side.int8 || ready_q[head.side.ctx]);
  assign fetch = head_q != tail_q && (!head_valid_q || pop_o);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      head_q <= '0;
      tail_q <= '0;
      head_valid_q <= 1'b0;
      ready_q <= '0;
      credit_q <= CreditBits'(OutDepth);
    end else begin
      if (valid_i) tail_q <= tail_q + 1'b1;
      if (fetch) head_q <= head_q + 1'b1;
      head_valid_q <= fetch || (head_valid_q && !pop_o);
      if (pop_o && head.side.int8 && head.side.row_last) ready_q[head.side.ctx] <= 1'b0;
      if (inv_valid_i) ready_q[inv_ctx_i] <= 1'b1;
      credit_q <= credit_q + CreditBits'(unit_pop_i) - CreditBits'(pop_o && unit);
    end
    if (inv_valid_i) inv_q[inv_ctx_i] <= inv_i;
  end

  // [* inv], INT8
  logic [Lanes-1:0] product_valid, unused_valid;
  logic [Lanes-1:0][31:0] product;

  for (genvar i = 0; i < int'(Lanes); i++) begin : gen_lane
    fvgm_fp32_mul u_mul (
        .clk_i,
        .rst_ni,
        .valid_i(pop_o && head.side.int8),
        .a_i(head.y[i]),
        .b_i(inv_q[head.side.ctx]),
        .valid_o(product_valid[i]),
        .y_o(product[i])
    );

    fvgm_fp32_to_i8 u_to_i8 (
        .clk_i,
        .rst_ni,
        .valid_i(product_valid[i]),
        .a_i(product[i]),
        .valid_o(unused_valid[i]),
        .y_o(i8_o[i])
    );
  end

  logic [Latency-1:0] valid_q;
  side_t side_q[Latency];
  logic [Lanes-1:0][15:0] f16_q[Latency];
  side_t out;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[Latency-2:0], pop_o};
    side_q[0] <= head.side;
    f16_q[0] <= head.y[Lanes/2-1:0];
    for (int unsigned i = 1; i < Latency; i++) begin
      side_q[i] <= side_q[i-1];
      f16_q[i] <= f16_q[i-1];
    end
  end

  assign out = side_q[Latency-1];
  assign valid_o = valid_q[Latency-1];
  assign ctx_o = out.ctx;
  assign first_o = out.first;
  assign odd_o = out.odd;
  assign row_last_o = out.row_last;
  assign cmd_first_o = out.cmd_first;
  assign int8_o = out.int8;
  assign lanes_o = out.lanes;
  assign f16_o = f16_q[Latency-1];

  `FVGM_ASSERT(NoOverflow, valid_i |-> (tail_q - head_q) < (PlaceBits + 1)'(StoreGroups))

endmodule

// Queue in distributed memory. Whoever pushes knows that there is room.
//
// Parameters: Width in bits, Depth in words (a power of two). A word is seen a cycle after its push.
// Throughput one word per cycle. Errors: an assertion on overflow and underflow.
module fvgm_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             push_i,
  input  logic [Width-1:0] data_i,
  output logic             valid_o,
  input  logic             pop_i,
  output logic [Width-1:0] data_o
);

  localparam int unsigned PtrBits = $clog2(Depth);

  (* ram_style = "distributed" *) logic [Width-1:0] mem[Depth];
  logic [PtrBits:0] wr_q, rd_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q <= '0;
      rd_q <= '0;
    end else begin
      if (push_i) wr_q <= wr_q + 1'b1;
      if (pop_i) rd_q <= rd_q + 1'b1;
    end
    if (push_i) mem[wr_q[PtrBits-1:0]] <= data_i;
  end

  assign valid_o = wr_q != rd_q;
  assign data_o = mem[rd_q[PtrBits-1:0]];

  `include "fvgm_assert.svh"
  `FVGM_ASSERT(NoOverflow, push_i |-> (wr_q - rd_q) != (PtrBits + 1)'(Depth))
  `FVGM_ASSERT(NoUnderflow, pop_i |-> valid_o)

endmodule

// FIFO of a power of two words; a word is seen one cycle after it was pushed.
//
// Parameters: Width in bits, Depth in words (power of two, at least 2: a Depth of 2 is the register
// slice that cuts both handshake paths at full throughput).
// Latency 1 cycle, throughput one word per cycle.
module fvgm_dma_fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 2
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [Width-1:0] in_data_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o
);

  localparam int unsigned PtrBits = $clog2(Depth);

  if (Depth != 2 ** PtrBits || Depth < 2) begin : gen_illegal_depth
    $error("fvgm_dma_fifo: Depth must be a power of two, at least 2");
  end

  logic [Width-1:0] mem[Depth];
  // One bit more than an address: equal pointers are empty, pointers that differ in that bit only
  // are full.
  logic [PtrBits:0] wr_ptr_q, rd_ptr_q;
  logic push, pop;

  assign in_ready_o = wr_ptr_q != (rd_ptr_q ^ (PtrBits + 1)'(Depth));
  assign out_valid_o = wr_ptr_q != rd_ptr_q;
  assign out_data_o = mem[rd_ptr_q[PtrBits-1:0]];
  assign push = in_valid_i && in_ready_o;
  assign pop = out_valid_o && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_ptr_q <= '0;
      rd_ptr_q <= '0;
    end else begin
      if (push) wr_ptr_q <= wr_ptr_q + 1'b1;
      if (pop) rd_ptr_q <= rd_ptr_q + 1'b1;
    end
    if (push) mem[wr_ptr_q[PtrBits-1:0]] <= in_data_i;
  end

endmodule

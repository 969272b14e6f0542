// Memory of per-channel parameters: entries of 8 channels x {FP32 a, FP32 b}, 512 bits, two read
// ports.
//
// Channel c of an entry is at bits [64c+63:64c], a in the low half. The write port takes up to two
// 16-byte quarters a cycle, quarter q at bits [128q+127:128q] of entry q / 4; it is not ready in
// the cycles in which two quarters of the same column meet. Each read port has its own copy of the
// contents.
//
// Parameters: Entries, a power of two. Addresses: reads count entries, writes quarters.
// Latency: read 2 cycles, write 0 (accepted is written). Throughput: one entry per read port, one
// to two quarters written per cycle.
module fvgm_pbuf #(
  parameter int unsigned Entries = 64
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [1:0]         rd_valid_i,
  input  logic [1:0][15:0]   rd_addr_i,
  output logic [1:0][511:0]  rd_data_o,

  input  logic               wr_valid_i,
  output logic               wr_ready_o,
  input  logic [1:0]         wr_mask_i,
  input  logic [1:0][19:0]   wr_addr_i,
  input  logic [1:0][127:0]  wr_data_i
);

  logic [1:0] wr_ready, rd_ready;

  // Both copies see the same writes and no reads that could delay them: they are ready together.
  assign wr_ready_o = wr_ready[0];

  for (genvar p = 0; p < 2; p++) begin : gen_copy
    fvgm_buffer #(
      .Units(4 * Entries),
      .Banks(4),
      .ReadUnits(4),
      .ReadPorts(1),
      .WriteUnits(2),
      .WritePorts(1),
      .AddrBits(20)
    ) u_copy (
      .clk_i,
      .rst_ni,
      .rd_valid_i(rd_valid_i[p]),
      .rd_ready_o(rd_ready[p]),
      .rd_addr_i({2'b00, rd_addr_i[p], 2'b00}),
      .rd_stride_i(20'd1),
      .rd_data_o(rd_data_o[p]),
      .wr_valid_i,
      .wr_ready_o(wr_ready[p]),
      .wr_mask_i,
      .wr_addr_i,
      .wr_data_i
    );
  end

  logic unused_ready;
  assign unused_ready = ^{rd_ready, wr_ready[1]};

endmodule

// Test top of rtl/buffer: the buffer, pbuf, rbuf, mbuf or abuf (Kind 0 to 4) behind ports of one shape.
//
// With abuf ReadUnits are its lines, write port 0 has unit 0 alone, and the lowest bits of rd_stride_i are {upper, int8}.
// A unit is 128 bits; with rbuf and mbuf it is a word in the lowest 32. With pbuf, ReadUnits is 4 and a read
// address counts quarters and is a multiple of 4. Strides are the buffer's alone.
module fvgm_buffer_tb #(
  parameter int unsigned Kind       = 0,
  parameter int unsigned Units      = 256,
  parameter int unsigned Banks      = 4,
  parameter int unsigned ReadUnits  = 2,
  parameter int unsigned ReadPorts  = 1,
  parameter int unsigned WriteUnits = 2,
  parameter int unsigned WritePorts = 1,
  parameter int unsigned Strided    = 1
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic [ReadPorts-1:0]               rd_valid_i,
  output logic [ReadPorts-1:0]               rd_ready_o,
  input  logic [ReadPorts*20-1:0]            rd_addr_i,
  input  logic [ReadPorts*20-1:0]            rd_stride_i,
  output logic [ReadPorts*ReadUnits*128-1:0] rd_data_o,

  input  logic [WritePorts-1:0]                wr_valid_i,
  output logic [WritePorts-1:0]                wr_ready_o,
  input  logic [WritePorts*WriteUnits-1:0]     wr_mask_i,
  input  logic [WritePorts*WriteUnits*20-1:0]  wr_addr_i,
  input  logic [WritePorts*WriteUnits*128-1:0] wr_data_i
);

  if (Kind == 0) begin : gen_buffer
    fvgm_buffer #(
      .Units(Units), .Banks(Banks), .ReadUnits(ReadUnits), .ReadPorts(ReadPorts),
      .WriteUnits(WriteUnits), .WritePorts(WritePorts), .Strided(1'(Strided))
    ) u_dut (
      .clk_i, .rst_ni, .rd_valid_i, .rd_ready_o, .rd_addr_i, .rd_stride_i, .rd_data_o,
      .wr_valid_i, .wr_ready_o, .wr_mask_i, .wr_addr_i, .wr_data_i
    );
  end else if (Kind == 1) begin : gen_pbuf
    assign rd_ready_o = '1;
    fvgm_pbuf #(
      .Entries(Units / 4)
    ) u_dut (
      .clk_i, .rst_ni, .rd_valid_i, .rd_addr_i({rd_addr_i[37:22], rd_addr_i[17:2]}), .rd_data_o,
      .wr_valid_i, .wr_ready_o, .wr_mask_i, .wr_addr_i, .wr_data_i
    );
  end else if (Kind == 2) begin : gen_rbuf
    assign rd_ready_o = '1;
    assign wr_ready_o = '1;
    assign rd_data_o[127:32] = '0;
    fvgm_rbuf #(
      .Words(Units)
    ) u_dut (
      .clk_i, .rst_ni, .rd_valid_i, .rd_addr_i(rd_addr_i[15:0]), .rd_data_o(rd_data_o[31:0]),
      .wr_valid_i(wr_valid_i && wr_mask_i[0]), .wr_addr_i(wr_addr_i[15:0]),
      .wr_data_i(wr_data_i[31:0])
    );
  end else if (Kind == 4) begin : gen_abuf
    assign rd_ready_o = '1;
    fvgm_abuf #(
      .ChainRows(ReadUnits / 2), .Units(Units), .WriteUnits(WriteUnits), .WritePorts(WritePorts),
      .Narrow(1)
    ) u_dut (
      .clk_i, .rst_ni, .rd_valid_i, .rd_int8_i(rd_stride_i[0]), .rd_upper_i(rd_stride_i[1]),
      .rd_addr_i, .rd_data_o, .wr_valid_i, .wr_ready_o, .wr_mask_i, .wr_addr_i, .wr_data_i
    );
  end else begin : gen_mbuf
    logic [ReadPorts-1:0][15:0] rd_addr;
    logic [ReadPorts-1:0][31:0] rd_data;

    assign rd_ready_o = '1;
    assign wr_ready_o = '1;
    for (genvar p = 0; p < ReadPorts; p++) begin : gen_port
      assign rd_addr[p] = rd_addr_i[20*p+:16];
      assign rd_data_o[128*p+:128] = {96'b0, rd_data[p]};
    end
    fvgm_mbuf #(
      .Entries(Units), .ReadPorts(ReadPorts)
    ) u_dut (
      .clk_i, .rst_ni, .rd_valid_i, .rd_addr_i(rd_addr), .rd_data_o(rd_data),
      .wr_valid_i(wr_valid_i && wr_mask_i[0]), .wr_addr_i(wr_addr_i[15:0]),
      .wr_data_i(wr_data_i[31:0])
    );
  end

endmodule

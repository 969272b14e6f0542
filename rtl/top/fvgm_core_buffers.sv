// The on-chip buffers of one core and who reads and writes them (docs/architecture.md).
//
// Ports are named <buffer>_<user>; their protocols are those of fvgm_abuf, fvgm_buffer, fvgm_pbuf, fvgm_rbuf and
// fvgm_mbuf. abuf and bbuf have one reader each, which is always served.
module fvgm_core_buffers #(
    parameter int unsigned ChainRows   = 1,
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024,
    localparam int unsigned UnitAddr   = 20,
    localparam int unsigned LinesA     = 2 * ChainRows,
    localparam int unsigned PortB      = fvgm_mpu_pkg::TileCols,
    localparam int unsigned PortV      = fvgm_mpu_pkg::TileCols / 4,
    localparam int unsigned AddrA      = $clog2(ABufUnits),
    localparam int unsigned AddrB      = $clog2(BBufUnits),
    localparam int unsigned AddrV      = $clog2(VBufUnits),
    localparam int unsigned AddrP      = $clog2(PBufEntries),
    localparam int unsigned AddrR      = $clog2(RBufWords)
) (
    input  logic clk_i,
    input  logic rst_ni,
    // dma load: write ports, index: buffer_e
    input  logic [3:0]               load_wr_valid,
    output logic [3:0]               load_wr_ready,
    input  logic [1:0]               load_wr_mask,
    input  logic [1:0][UnitAddr-1:0] load_wr_addr,
    input  logic [1:0][127:0]        load_wr_data,
    // dma store
    input  logic                store_rd_valid,
    output logic                store_rd_ready,
    input  logic [UnitAddr-1:0] store_rd_addr,
    output logic [255:0]        store_rd_data,
    // mpu
    input  logic                        mpu_a_valid,
    input  logic                        mpu_a_int8,
    input  logic                        mpu_a_upper,
    input  logic [AddrA-1:0]            mpu_a_addr,
    output logic [LinesA-1:0][127:0]    mpu_a_data,
    input  logic                        mpu_b_valid,
    input  logic [AddrB-1:0]            mpu_b_addr,
    input  logic [AddrB-1:0]            mpu_b_stride,
    output logic [PortB-1:0][127:0]     mpu_b_data,
    input  logic                        mpu_p_valid,
    input  logic [AddrP-1:0]            mpu_p_addr,
    output logic [511:0]                mpu_p_data,
    input  logic                        mpu_r_valid,
    input  logic [AddrR-1:0]            mpu_r_addr,
    output logic [31:0]                 mpu_r_data,
    input  logic                        mpu_v_valid,
    output logic                        mpu_v_ready,
    input  logic [PortV-1:0]            mpu_v_mask,
    input  logic [PortV-1:0][AddrV-1:0] mpu_v_addr,
    input  logic [PortV-1:0][127:0]     mpu_v_data,
    // sfu
    input  logic [1:0]               sfu_v_rd_valid,
    output logic [1:0]               sfu_v_rd_ready,
    input  logic [1:0][UnitAddr-1:0] sfu_v_rd_addr,
    output logic [1:0][255:0]        sfu_v_rd_data,
    input  logic                sfu_p_valid,
    input  logic [15:0]         sfu_p_addr,
    output logic [511:0]        sfu_p_data,
    input  logic                sfu_r_valid,
    input  logic [15:0]         sfu_r_addr,
    input  logic [31:0]         sfu_r_data,
    input  logic                sfu_a_valid,
    output logic                sfu_a_ready,
    input  logic [UnitAddr-1:0] sfu_a_addr,
    input  logic [127:0]        sfu_a_data,
    input  logic                sfu_v_valid,
    output logic                sfu_v_ready,
    input  logic [UnitAddr-1:0] sfu_v_addr,
    input  logic [127:0]        sfu_v_data,
    // su
    input  logic [1:0]               su_v_rd_valid,
    output logic [1:0]               su_v_rd_ready,
    input  logic [1:0][UnitAddr-1:0] su_v_rd_addr,
    output logic [1:0][1:0][127:0]   su_v_rd_data,
    input  logic                     su_v_valid,
    output logic                     su_v_ready,
    input  logic [UnitAddr-1:0]      su_v_addr,
    input  logic [127:0]             su_v_data,
    input  logic                     su_m_valid,
    input  logic [15:0]              su_m_addr,
    input  logic [31:0]              su_m_data,
    // ru
    input  logic                     ru_v_rd_valid,
    output logic                     ru_v_rd_ready,
    input  logic [UnitAddr-1:0]      ru_v_rd_addr,
    output logic [1:0][127:0]        ru_v_rd_data,
    input  logic                     ru_v_valid,
    output logic                     ru_v_ready,
    input  logic [1:0]               ru_v_mask,
    input  logic [1:0][UnitAddr-1:0] ru_v_addr,
    input  logic [1:0][127:0]        ru_v_data,
    // readers of mbuf: dma load, dma store, ru
    input  logic [2:0]       m_rd_valid,
    input  logic [2:0][15:0] m_rd_addr,
    output logic [2:0][31:0] m_rd_data
);

  import fvgm_isa_pkg::*;

  localparam int unsigned BanksB = PortB;
  localparam int unsigned BanksV = 8;

  logic [PortV-1:0][UnitAddr-1:0] mpu_v_unit;

  fvgm_mbuf #(
      .Entries(MBufEntries),
      .ReadPorts(3)
  ) u_mbuf (
      .clk_i,
      .rst_ni,
      .rd_valid_i(m_rd_valid),
      .rd_addr_i(m_rd_addr),
      .rd_data_o(m_rd_data),
      .wr_valid_i(su_m_valid),
      .wr_addr_i(su_m_addr),
      .wr_data_i(su_m_data)
  );

  // abuf: sfu writes one unit, dma two
  fvgm_abuf #(
      .ChainRows(ChainRows),
      .Units(ABufUnits),
      .WriteUnits(2),
      .WritePorts(2),
      .AddrBits(UnitAddr),
      .Narrow(2'b01)
  ) u_abuf (
      .clk_i,
      .rst_ni,
      .rd_valid_i(mpu_a_valid),
      .rd_int8_i(mpu_a_int8),
      .rd_upper_i(mpu_a_upper),
      .rd_addr_i(UnitAddr'(mpu_a_addr)),
      .rd_data_o(mpu_a_data),
      .wr_valid_i({load_wr_valid[BufA], sfu_a_valid}),
      .wr_ready_o({load_wr_ready[BufA], sfu_a_ready}),
      .wr_mask_i({load_wr_mask, 2'b01}),
      .wr_addr_i({load_wr_addr, UnitAddr'(0), sfu_a_addr}),
      .wr_data_i({load_wr_data, 128'b0, sfu_a_data})
  );

  logic bbuf_rd_ready;

  fvgm_buffer #(
      .Units(BBufUnits),
      .Banks(BanksB),
      .ReadUnits(PortB),
      .ReadPorts(1),
      .WriteUnits(2),
      .WritePorts(1),
      .AddrBits(UnitAddr)
  ) u_bbuf (
      .clk_i,
      .rst_ni,
      .rd_valid_i(mpu_b_valid),
      .rd_ready_o(bbuf_rd_ready),
      .rd_addr_i(UnitAddr'(mpu_b_addr)),
      .rd_stride_i(UnitAddr'(mpu_b_stride)),
      .rd_data_o(mpu_b_data),
      .wr_valid_i(load_wr_valid[BufB]),
      .wr_ready_o(load_wr_ready[BufB]),
      .wr_mask_i(load_wr_mask),
      .wr_addr_i(load_wr_addr),
      .wr_data_i(load_wr_data)
  );

  // vbuf: all write ports are as wide as the mpu's
  localparam int unsigned WriteV = PortV;
  logic [4:0][WriteV-1:0] v_mask;
  logic [4:0][WriteV-1:0][UnitAddr-1:0] v_addr;
  logic [4:0][WriteV-1:0][127:0] v_data;

  always_comb begin
    for (int unsigned i = 0; i < PortV; i++) mpu_v_unit[i] = UnitAddr'(mpu_v_addr[i]);
    v_mask = '0;
    v_addr = '0;
    v_data = '0;
    v_mask[0] = mpu_v_mask;
    v_addr[0] = mpu_v_unit;
    v_data[0] = mpu_v_data;
    v_mask[1][0] = 1'b1;
    v_addr[1][0] = sfu_v_addr;
    v_data[1][0] = sfu_v_data;
    v_mask[2][1:0] = load_wr_mask;
    v_addr[2][1:0] = load_wr_addr;
    v_data[2][1:0] = load_wr_data;
    v_mask[3][1:0] = ru_v_mask;
    v_addr[3][1:0] = ru_v_addr;
    v_data[3][1:0] = ru_v_data;
    v_mask[4][0] = 1'b1;
    v_addr[4][0] = su_v_addr;
    v_data[4][0] = su_v_data;
  end

  fvgm_buffer #(
      .Units(VBufUnits),
      .Banks(BanksV),
      .ReadUnits(2),
      .ReadPorts(6),
      .WriteUnits(WriteV),
      .WritePorts(5),
      .AddrBits(UnitAddr),
      .Strided(1'b0),
      .Narrow(5'b10010)
  ) u_vbuf (
      .clk_i,
      .rst_ni,
      .rd_valid_i({ru_v_rd_valid, su_v_rd_valid, store_rd_valid, sfu_v_rd_valid}),
      .rd_ready_o({ru_v_rd_ready, su_v_rd_ready, store_rd_ready, sfu_v_rd_ready}),
      .rd_addr_i({ru_v_rd_addr, su_v_rd_addr, store_rd_addr, sfu_v_rd_addr}),
      .rd_stride_i({6{UnitAddr'(1)}}),
      .rd_data_o({ru_v_rd_data, su_v_rd_data, store_rd_data, sfu_v_rd_data}),
      .wr_valid_i({su_v_valid, ru_v_valid, load_wr_valid[BufV], sfu_v_valid, mpu_v_valid}),
      .wr_ready_o({su_v_ready, ru_v_ready, load_wr_ready[BufV], sfu_v_ready, mpu_v_ready}),
      .wr_mask_i(v_mask),
      .wr_addr_i(v_addr),
      .wr_data_i(v_data)
  );

  fvgm_pbuf #(
      .Entries(PBufEntries)
  ) u_pbuf (
      .clk_i,
      .rst_ni,
      .rd_valid_i({sfu_p_valid, mpu_p_valid}),
      .rd_addr_i({sfu_p_addr, 16'(mpu_p_addr)}),
      .rd_data_o({sfu_p_data, mpu_p_data}),
      .wr_valid_i(load_wr_valid[BufP]),
      .wr_ready_o(load_wr_ready[BufP]),
      .wr_mask_i(load_wr_mask),
      .wr_addr_i(load_wr_addr),
      .wr_data_i(load_wr_data)
  );

  fvgm_rbuf #(
      .Words(RBufWords)
  ) u_rbuf (
      .clk_i,
      .rst_ni,
      .rd_valid_i(mpu_r_valid),
      .rd_addr_i(16'(mpu_r_addr)),
      .rd_data_o(mpu_r_data),
      .wr_valid_i(sfu_r_valid),
      .wr_addr_i(sfu_r_addr),
      .wr_data_i(sfu_r_data)
  );

  logic unused_ready;
  assign unused_ready = bbuf_rd_ready;

endmodule

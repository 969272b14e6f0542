// One core: registers, scheduler, dma, buffers, mpu, sfu, su and ru (docs/architecture.md).
//
// Parameters are those of configs.yaml. Ports to the task queue: docs/taskq.md. m_axi_hbm0 carries LOAD
// and STORE (AXI4, 256 bits, an ID per outstanding burst), m_axi_hbm1 the instruction fetch (reads only,
// one ID). irq_o is level, see docs/csr.md. Errors stop the core, see docs/scheduler.md. A soft reset
// clears the control state of everything but the registers.
module fvgm_core #(
    parameter int unsigned ChainRows   = 1,
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024,
    parameter int unsigned QueueDepth  = 4,
    parameter int unsigned AxiSlots    = 4,
    parameter int unsigned BurstBeats  = 8,
    parameter int unsigned Contexts    = 2,
    localparam int unsigned IdBits     = $clog2(AxiSlots)
) (
    input  logic              clk_i,
    input  logic              clk2x_i,
    input  logic              rst_ni,
    output logic              irq_o,
    // task queue
    input  logic                               session_i,
    output logic                               session_ready_o,
    input  fvgm_task_pkg::slices_t             slices_i,
    input  logic                               task_valid_i,
    output logic                               task_ready_o,
    input  fvgm_task_pkg::task_start_t         task_i,
    output logic [fvgm_task_pkg::ContextW-1:0] task_context_o,
    output logic [Contexts-1:0]                task_done_o,
    output logic                               core_error_o,
    input  logic                               soft_reset_i,  // as CONTROL.soft_reset
    // registers, AXI4-Lite
    input  logic              s_axil_awvalid,
    output logic              s_axil_awready,
    input  logic [11:0]       s_axil_awaddr,
    input  logic [2:0]        s_axil_awprot,
    input  logic              s_axil_wvalid,
    output logic              s_axil_wready,
    input  logic [31:0]       s_axil_wdata,
    input  logic [3:0]        s_axil_wstrb,
    output logic              s_axil_bvalid,
    input  logic              s_axil_bready,
    output logic [1:0]        s_axil_bresp,
    input  logic              s_axil_arvalid,
    output logic              s_axil_arready,
    input  logic [11:0]       s_axil_araddr,
    input  logic [2:0]        s_axil_arprot,
    output logic              s_axil_rvalid,
    input  logic              s_axil_rready,
    output logic [31:0]       s_axil_rdata,
    output logic [1:0]        s_axil_rresp,
    // data, AXI4
    output logic [IdBits-1:0] m_axi_hbm0_arid,
    output logic [39:0]       m_axi_hbm0_araddr,
    output logic [7:0]        m_axi_hbm0_arlen,
    output logic [2:0]        m_axi_hbm0_arsize,
    output logic [1:0]        m_axi_hbm0_arburst,
    output logic [3:0]        m_axi_hbm0_arcache,
    output logic [2:0]        m_axi_hbm0_arprot,
    output logic              m_axi_hbm0_arvalid,
    input  logic              m_axi_hbm0_arready,
    input  logic [IdBits-1:0] m_axi_hbm0_rid,
    input  logic [255:0]      m_axi_hbm0_rdata,
    input  logic [1:0]        m_axi_hbm0_rresp,
    input  logic              m_axi_hbm0_rlast,
    input  logic              m_axi_hbm0_rvalid,
    output logic              m_axi_hbm0_rready,
    output logic [IdBits-1:0] m_axi_hbm0_awid,
    output logic [39:0]       m_axi_hbm0_awaddr,
    output logic [7:0]        m_axi_hbm0_awlen,
    output logic [2:0]        m_axi_hbm0_awsize,
    output logic [1:0]        m_axi_hbm0_awburst,
    output logic [3:0]        m_axi_hbm0_awcache,
    output logic [2:0]        m_axi_hbm0_awprot,
    output logic              m_axi_hbm0_awvalid,
    input  logic              m_axi_hbm0_awready,
    output logic [255:0]      m_axi_hbm0_wdata,
    output logic [31:0]       m_axi_hbm0_wstrb,
    output logic              m_axi_hbm0_wlast,
    output logic              m_axi_hbm0_wvalid,
    input  logic              m_axi_hbm0_wready,
    input  logic [IdBits-1:0] m_axi_hbm0_bid,
    input  logic [1:0]        m_axi_hbm0_bresp,
    input  logic              m_axi_hbm0_bvalid,
    output logic              m_axi_hbm0_bready,
    // instructions, AXI4 read channel
    output logic [IdBits-1:0] m_axi_hbm1_arid,
    output logic [39:0]       m_axi_hbm1_araddr,
    output logic [7:0]        m_axi_hbm1_arlen,
    output logic [2:0]        m_axi_hbm1_arsize,
    output logic [1:0]        m_axi_hbm1_arburst,
    output logic [3:0]        m_axi_hbm1_arcache,
    output logic [2:0]        m_axi_hbm1_arprot,
    output logic              m_axi_hbm1_arvalid,
    input  logic              m_axi_hbm1_arready,
    input  logic [IdBits-1:0] m_axi_hbm1_rid,
    input  logic [255:0]      m_axi_hbm1_rdata,
    input  logic [1:0]        m_axi_hbm1_rresp,
    input  logic              m_axi_hbm1_rlast,
    input  logic              m_axi_hbm1_rvalid,
    output logic              m_axi_hbm1_rready
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned LinesA = 2 * ChainRows;
  localparam int unsigned PortB = fvgm_mpu_pkg::TileCols;
  localparam int unsigned PortV = fvgm_mpu_pkg::TileCols / 4;
  localparam int unsigned UnitAddr = 20;
  localparam int unsigned AddrA = $clog2(ABufUnits);
  localparam int unsigned AddrB = $clog2(BBufUnits);
  localparam int unsigned AddrV = $clog2(VBufUnits);
  localparam int unsigned AddrP = $clog2(PBufEntries);
  localparam int unsigned AddrR = $clog2(RBufWords);

  ctrl_t registers, ctrl;
  status_t status;
  counters_t counters;
  logic core_rst_n, halt;

  always_comb begin
    ctrl = registers;
    ctrl.soft_reset = registers.soft_reset || soft_reset_i;
  end

  // commands
  logic [NumUnits-1:0] cmd_valid, cmd_ready, done;
  transfer_t load_cmd, store_cmd;
  gemm_t mpu_cmd;
  sfu_t sfu_cmd;
  su_t su_cmd;
  ru_t ru_cmd;
  logic load_idle, load_error, store_idle, store_error;
  logic [AddrW-1:0] load_error_addr, store_error_addr;
  logic mpu_busy, mpu_stall_drain, mpu_stall_operand;
  logic sfu_busy, sfu_stall_wait, sfu_stall_read, sfu_stall_write;

  // dma
  logic [3:0] load_wr_valid, load_wr_ready;
  logic [1:0] load_wr_mask;
  logic [1:0][UnitAddr-1:0] load_wr_addr;
  logic [1:0][127:0] load_wr_data;
  logic store_rd_valid, store_rd_ready;
  logic [UnitAddr-1:0] store_rd_addr;
  logic [255:0] store_rd_data;

  // mpu
  logic mpu_a_valid, mpu_a_int8, mpu_a_upper, mpu_b_valid, mpu_p_valid, mpu_r_valid;
  logic mpu_v_valid, mpu_v_ready;
  logic [AddrA-1:0] mpu_a_addr;
  logic [AddrB-1:0] mpu_b_addr, mpu_b_stride;
  logic [AddrP-1:0] mpu_p_addr;
  logic [AddrR-1:0] mpu_r_addr;
  logic [LinesA-1:0][127:0] mpu_a_data;
  logic [PortB-1:0][127:0] mpu_b_data;
  logic [511:0] mpu_p_data;
  logic [31:0] mpu_r_data;
  logic [PortV-1:0] mpu_v_mask;
  logic [PortV-1:0][AddrV-1:0] mpu_v_addr;
  logic [PortV-1:0][127:0] mpu_v_data;

  // sfu
  logic [1:0] sfu_v_rd_valid, sfu_v_rd_ready;
  logic sfu_p_valid, sfu_r_valid;
  logic sfu_a_valid, sfu_a_ready, sfu_v_valid, sfu_v_ready;
  logic [1:0][UnitAddr-1:0] sfu_v_rd_addr;
  logic [UnitAddr-1:0] sfu_a_addr, sfu_v_addr;
  logic [15:0] sfu_p_addr, sfu_r_addr;
  logic [1:0][255:0] sfu_v_rd_data;
  logic [511:0] sfu_p_data;
  logic [31:0] sfu_r_data;
  logic [127:0] sfu_a_data, sfu_v_data;

  // su
  logic su_busy, su_stall_read, su_kept_valid, su_count_valid, su_m_valid, su_v_valid, su_v_ready;
  logic [3:0] su_count_id;
  logic [10:0] su_count_value;
  logic [1:0] su_v_rd_valid, su_v_rd_ready;
  logic [1:0][UnitAddr-1:0] su_v_rd_addr;
  logic [1:0][1:0][127:0] su_v_rd_data;
  logic [UnitAddr-1:0] su_v_addr;
  logic [127:0] su_v_data;
  logic [15:0] su_m_addr;
  logic [31:0] su_m_data;

  // ru
  logic ru_busy, ru_stall, ru_v_rd_valid, ru_v_rd_ready, ru_v_valid, ru_v_ready;
  logic [UnitAddr-1:0] ru_v_rd_addr;
  logic [1:0][127:0] ru_v_rd_data, ru_v_data;
  logic [1:0] ru_v_mask;
  logic [1:0][UnitAddr-1:0] ru_v_addr;

  // mbuf: read by load, store, ru
  logic [2:0] m_rd_valid;
  logic [2:0][15:0] m_rd_addr;
  logic [2:0][31:0] m_rd_data;

  fvgm_csr #(
      .ChainRows(ChainRows),
      .ABufUnits(ABufUnits),
      .BBufUnits(BBufUnits),
      .VBufUnits(VBufUnits),
      .PBufEntries(PBufEntries),
      .RBufWords(RBufWords),
      .MBufEntries(MBufEntries),
      .QueueDepth(QueueDepth),
      .AxiSlots(AxiSlots),
      .BurstBeats(BurstBeats)
  ) u_csr (
      .clk_i,
      .rst_ni,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_awaddr,
      .s_axil_awprot,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_bresp,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_araddr,
      .s_axil_arprot,
      .s_axil_rvalid,
      .s_axil_rready,
      .s_axil_rdata,
      .s_axil_rresp,
      .ctrl_o(registers),
      .status_i(status),
      .counters_i(counters),
      .irq_o
  );

  fvgm_scheduler #(
      .ABufUnits(ABufUnits),
      .BBufUnits(BBufUnits),
      .VBufUnits(VBufUnits),
      .PBufEntries(PBufEntries),
      .RBufWords(RBufWords),
      .MBufEntries(MBufEntries),
      .QueueDepth(QueueDepth),
      .Contexts(Contexts)
  ) u_scheduler (
      .clk_i,
      .rst_ni,
      .ctrl_i(ctrl),
      .status_o(status),
      .counters_o(counters),
      .session_i,
      .session_ready_o,
      .slices_i,
      .task_valid_i,
      .task_ready_o,
      .task_i,
      .task_context_o,
      .task_done_o,
      .core_error_o,
      .m_axi_hbm1_arvalid,
      .m_axi_hbm1_arready,
      .m_axi_hbm1_araddr,
      .m_axi_hbm1_arlen,
      .m_axi_hbm1_rvalid,
      .m_axi_hbm1_rready,
      .m_axi_hbm1_rdata,
      .m_axi_hbm1_rresp,
      .core_rst_no(core_rst_n),
      .halt_o(halt),
      .cmd_valid_o(cmd_valid),
      .cmd_ready_i(cmd_ready),
      .load_cmd_o(load_cmd),
      .store_cmd_o(store_cmd),
      .mpu_cmd_o(mpu_cmd),
      .sfu_cmd_o(sfu_cmd),
      .su_cmd_o(su_cmd),
      .ru_cmd_o(ru_cmd),
      .done_i(done),
      .su_count_valid_i(su_count_valid),
      .su_count_id_i(su_count_id),
      .su_count_value_i(su_count_value),
      .su_kept_valid_i(su_kept_valid),
      .load_idle_i(load_idle),
      .load_error_i(load_error),
      .load_error_addr_i(load_error_addr),
      .store_idle_i(store_idle),
      .store_error_i(store_error),
      .store_error_addr_i(store_error_addr),
      .read_beat_i(m_axi_hbm0_rvalid && m_axi_hbm0_rready),
      .write_beat_i(m_axi_hbm0_wvalid && m_axi_hbm0_wready),
      .mpu_stall_operand_i(mpu_stall_operand),
      .mpu_stall_drain_i(mpu_stall_drain),
      .sfu_stall_i(sfu_stall_wait || sfu_stall_read || sfu_stall_write)
  );

  assign m_axi_hbm1_arid = '0;
  assign m_axi_hbm1_arsize = fvgm_dma_pkg::BeatSize;
  assign m_axi_hbm1_arburst = fvgm_dma_pkg::BurstIncr;
  assign m_axi_hbm1_arcache = fvgm_dma_pkg::CacheNormal;
  assign m_axi_hbm1_arprot = fvgm_dma_pkg::ProtNone;

  fvgm_dma_load #(
      .AxiSlots(AxiSlots),
      .BurstBeats(BurstBeats)
  ) u_load (
      .clk_i,
      .rst_ni(core_rst_n),
      .cmd_valid_i(cmd_valid[UnitLoad]),
      .cmd_ready_o(cmd_ready[UnitLoad]),
      .cmd_i(load_cmd),
      .done_o(done[UnitLoad]),
      .mb_rd_valid_o(m_rd_valid[0]),
      .mb_rd_addr_o(m_rd_addr[0]),
      .mb_rd_data_i(m_rd_data[0]),
      .halt_i(halt),
      .error_o(load_error),
      .error_addr_o(load_error_addr),
      .idle_o(load_idle),
      .m_axi_arid(m_axi_hbm0_arid),
      .m_axi_araddr(m_axi_hbm0_araddr),
      .m_axi_arlen(m_axi_hbm0_arlen),
      .m_axi_arsize(m_axi_hbm0_arsize),
      .m_axi_arburst(m_axi_hbm0_arburst),
      .m_axi_arcache(m_axi_hbm0_arcache),
      .m_axi_arprot(m_axi_hbm0_arprot),
      .m_axi_arvalid(m_axi_hbm0_arvalid),
      .m_axi_arready(m_axi_hbm0_arready),
      .m_axi_rid(m_axi_hbm0_rid),
      .m_axi_rdata(m_axi_hbm0_rdata),
      .m_axi_rresp(m_axi_hbm0_rresp),
      .m_axi_rlast(m_axi_hbm0_rlast),
      .m_axi_rvalid(m_axi_hbm0_rvalid),
      .m_axi_rready(m_axi_hbm0_rready),
      .wr_valid_o(load_wr_valid),
      .wr_ready_i(load_wr_ready),
      .wr_mask_o(load_wr_mask),
      .wr_addr_o(load_wr_addr),
      .wr_data_o(load_wr_data)
  );

  fvgm_dma_store #(
      .AxiSlots(AxiSlots),
      .BurstBeats(BurstBeats)
  ) u_store (
      .clk_i,
      .rst_ni(core_rst_n),
      .cmd_valid_i(cmd_valid[UnitStore]),
      .cmd_ready_o(cmd_ready[UnitStore]),
      .cmd_i(store_cmd),
      .done_o(done[UnitStore]),
      .mb_rd_valid_o(m_rd_valid[1]),
      .mb_rd_addr_o(m_rd_addr[1]),
      .mb_rd_data_i(m_rd_data[1]),
      .halt_i(halt),
      .error_o(store_error),
      .error_addr_o(store_error_addr),
      .idle_o(store_idle),
      .rd_valid_o(store_rd_valid),
      .rd_ready_i(store_rd_ready),
      .rd_addr_o(store_rd_addr),
      .rd_data_i(store_rd_data),
      .m_axi_awid(m_axi_hbm0_awid),
      .m_axi_awaddr(m_axi_hbm0_awaddr),
      .m_axi_awlen(m_axi_hbm0_awlen),
      .m_axi_awsize(m_axi_hbm0_awsize),
      .m_axi_awburst(m_axi_hbm0_awburst),
      .m_axi_awcache(m_axi_hbm0_awcache),
      .m_axi_awprot(m_axi_hbm0_awprot),
      .m_axi_awvalid(m_axi_hbm0_awvalid),
      .m_axi_awready(m_axi_hbm0_awready),
      .m_axi_wdata(m_axi_hbm0_wdata),
      .m_axi_wstrb(m_axi_hbm0_wstrb),
      .m_axi_wlast(m_axi_hbm0_wlast),
      .m_axi_wvalid(m_axi_hbm0_wvalid),
      .m_axi_wready(m_axi_hbm0_wready),
      .m_axi_bid(m_axi_hbm0_bid),
      .m_axi_bresp(m_axi_hbm0_bresp),
      .m_axi_bvalid(m_axi_hbm0_bvalid),
      .m_axi_bready(m_axi_hbm0_bready)
  );

  fvgm_mpu #(
      .ChainRows(ChainRows),
      .ABufUnits(ABufUnits),
      .BBufUnits(BBufUnits),
      .VBufUnits(VBufUnits),
      .PBufEntries(PBufEntries),
      .RBufWords(RBufWords)
  ) u_mpu (
      .clk_i,
      .clk2x_i,
      .rst_ni(core_rst_n),
      .cmd_valid_i(cmd_valid[UnitMpu]),
      .cmd_ready_o(cmd_ready[UnitMpu]),
      .cmd_i(mpu_cmd),
      .done_o(done[UnitMpu]),
      .busy_o(mpu_busy),
      .stall_drain_o(mpu_stall_drain),
      .stall_operand_o(mpu_stall_operand),
      .abuf_rd_valid_o(mpu_a_valid),
      .abuf_rd_int8_o(mpu_a_int8),
      .abuf_rd_upper_o(mpu_a_upper),
      .abuf_rd_addr_o(mpu_a_addr),
      .abuf_rd_data_i(mpu_a_data),
      .bbuf_rd_valid_o(mpu_b_valid),
      .bbuf_rd_addr_o(mpu_b_addr),
      .bbuf_rd_stride_o(mpu_b_stride),
      .bbuf_rd_data_i(mpu_b_data),
      .pbuf_rd_valid_o(mpu_p_valid),
      .pbuf_rd_addr_o(mpu_p_addr),
      .pbuf_rd_data_i(mpu_p_data),
      .rbuf_rd_valid_o(mpu_r_valid),
      .rbuf_rd_addr_o(mpu_r_addr),
      .rbuf_rd_data_i(mpu_r_data),
      .vbuf_wr_valid_o(mpu_v_valid),
      .vbuf_wr_ready_i(mpu_v_ready),
      .vbuf_wr_mask_o(mpu_v_mask),
      .vbuf_wr_addr_o(mpu_v_addr),
      .vbuf_wr_data_o(mpu_v_data)
  );

  fvgm_sfu u_sfu (
      .clk_i,
      .rst_ni(core_rst_n),
      .cmd_valid_i(cmd_valid[UnitSfu]),
      .cmd_ready_o(cmd_ready[UnitSfu]),
      .cmd_i(sfu_cmd),
      .done_o(done[UnitSfu]),
      .busy_o(sfu_busy),
      .stall_wait_o(sfu_stall_wait),
      .stall_read_o(sfu_stall_read),
      .stall_write_o(sfu_stall_write),
      .vbuf_rd_valid_o(sfu_v_rd_valid),
      .vbuf_rd_ready_i(sfu_v_rd_ready),
      .vbuf_rd_addr_o(sfu_v_rd_addr),
      .vbuf_rd_data_i(sfu_v_rd_data),
      .pbuf_rd_valid_o(sfu_p_valid),
      .pbuf_rd_addr_o(sfu_p_addr),
      .pbuf_rd_data_i(sfu_p_data),
      .abuf_wr_valid_o(sfu_a_valid),
      .abuf_wr_ready_i(sfu_a_ready),
      .abuf_wr_addr_o(sfu_a_addr),
      .abuf_wr_data_o(sfu_a_data),
      .vbuf_wr_valid_o(sfu_v_valid),
      .vbuf_wr_ready_i(sfu_v_ready),
      .vbuf_wr_addr_o(sfu_v_addr),
      .vbuf_wr_data_o(sfu_v_data),
      .rbuf_wr_valid_o(sfu_r_valid),
      .rbuf_wr_addr_o(sfu_r_addr),
      .rbuf_wr_data_o(sfu_r_data)
  );

  fvgm_su u_su (
      .clk_i,
      .rst_ni(core_rst_n),
      .cmd_valid_i(cmd_valid[UnitSu]),
      .cmd_ready_o(cmd_ready[UnitSu]),
      .cmd_i(su_cmd),
      .done_o(done[UnitSu]),
      .busy_o(su_busy),
      .stall_read_o(su_stall_read),
      .rd_valid_o(su_v_rd_valid),
      .rd_ready_i(su_v_rd_ready),
      .rd_addr_o(su_v_rd_addr),
      .rd_data_i(su_v_rd_data),
      .wr_valid_o(su_v_valid),
      .wr_ready_i(su_v_ready),
      .wr_addr_o(su_v_addr),
      .wr_data_o(su_v_data),
      .mb_valid_o(su_m_valid),
      .mb_addr_o(su_m_addr),
      .mb_data_o(su_m_data),
      .count_valid_o(su_count_valid),
      .count_id_o(su_count_id),
      .count_value_o(su_count_value),
      .kept_valid_o(su_kept_valid)
  );

  fvgm_ru u_ru (
      .clk_i,
      .rst_ni(core_rst_n),
      .cmd_valid_i(cmd_valid[UnitRu]),
      .cmd_ready_o(cmd_ready[UnitRu]),
      .cmd_i(ru_cmd),
      .done_o(done[UnitRu]),
      .busy_o(ru_busy),
      .stall_o(ru_stall),
      .mb_rd_valid_o(m_rd_valid[2]),
      .mb_rd_addr_o(m_rd_addr[2]),
      .mb_rd_data_i(m_rd_data[2]),
      .rd_valid_o(ru_v_rd_valid),
      .rd_ready_i(ru_v_rd_ready),
      .rd_addr_o(ru_v_rd_addr),
      .rd_data_i(ru_v_rd_data),
      .wr_valid_o(ru_v_valid),
      .wr_ready_i(ru_v_ready),
      .wr_mask_o(ru_v_mask),
      .wr_addr_o(ru_v_addr),
      .wr_data_o(ru_v_data)
  );

  fvgm_core_buffers #(
      .ChainRows(ChainRows),
      .ABufUnits(ABufUnits),
      .BBufUnits(BBufUnits),
      .VBufUnits(VBufUnits),
      .PBufEntries(PBufEntries),
      .RBufWords(RBufWords),
      .MBufEntries(MBufEntries)
  ) u_buffers (
      .clk_i,
      .rst_ni(core_rst_n),
      .load_wr_valid,
      .load_wr_ready,
      .load_wr_mask,
      .load_wr_addr,
      .load_wr_data,
      .store_rd_valid,
      .store_rd_ready,
      .store_rd_addr,
      .store_rd_data,
      .mpu_a_valid,
      .mpu_a_int8,
      .mpu_a_upper,
      .mpu_a_addr,
      .mpu_a_data,
      .mpu_b_valid,
      .mpu_b_addr,
      .mpu_b_stride,
      .mpu_b_data,
      .mpu_p_valid,
      .mpu_p_addr,
      .mpu_p_data,
      .mpu_r_valid,
      .mpu_r_addr,
      .mpu_r_data,
      .mpu_v_valid,
      .mpu_v_ready,
      .mpu_v_mask,
      .mpu_v_addr,
      .mpu_v_data,
      .sfu_v_rd_valid,
      .sfu_v_rd_ready,
      .sfu_v_rd_addr,
      .sfu_v_rd_data,
      .sfu_p_valid,
      .sfu_p_addr,
      .sfu_p_data,
      .sfu_r_valid,
      .sfu_r_addr,
      .sfu_r_data,
      .sfu_a_valid,
      .sfu_a_ready,
      .sfu_a_addr,
      .sfu_a_data,
      .sfu_v_valid,
      .sfu_v_ready,
      .sfu_v_addr,
      .sfu_v_data,
      .su_v_rd_valid,
      .su_v_rd_ready,
      .su_v_rd_addr,
      .su_v_rd_data,
      .su_v_valid,
      .su_v_ready,
      .su_v_addr,
      .su_v_data,
      .su_m_valid,
      .su_m_addr,
      .su_m_data,
      .ru_v_rd_valid,
      .ru_v_rd_ready,
      .ru_v_rd_addr,
      .ru_v_rd_data,
      .ru_v_valid,
      .ru_v_ready,
      .ru_v_mask,
      .ru_v_addr,
      .ru_v_data,
      .m_rd_valid,
      .m_rd_addr,
      .m_rd_data
  );

  // The fetch has one ID and counts beats.
  logic unused_bits;
  assign unused_bits = ^{mpu_busy, sfu_busy, su_busy, su_stall_read,
                         ru_busy, ru_stall, m_axi_hbm1_rid,
                         m_axi_hbm1_rlast};

endmodule

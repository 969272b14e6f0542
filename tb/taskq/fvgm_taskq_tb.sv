// Test top of fvgm_taskq: the table comes from an axi_memory, registers over AXI4-Lite, the cores are
// played by the environment. admit_o: an entry takes a place in the window; open_o, load_o: what the
// selection knows of the cores.
module fvgm_taskq_tb #(
  parameter int unsigned NumCores   = 2,
  parameter int unsigned Contexts   = 2,
  parameter int unsigned TaskWindow = 4,
  parameter longint unsigned Origin = 64'h1_0000_0000,
  localparam int unsigned TaskBits  = $bits(fvgm_task_pkg::task_start_t)
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  output logic                         irq_o,
  input  logic                         csr_awvalid,
  output logic                         csr_awready,
  input  logic [11:0]                  csr_awaddr,
  input  logic                         csr_wvalid,
  output logic                         csr_wready,
  input  logic [31:0]                  csr_wdata,
  output logic                         csr_bvalid,
  input  logic                         csr_bready,
  output logic [1:0]                   csr_bresp,
  input  logic                         csr_arvalid,
  output logic                         csr_arready,
  input  logic [11:0]                  csr_araddr,
  output logic                         csr_rvalid,
  input  logic                         csr_rready,
  output logic [31:0]                  csr_rdata,
  output logic [1:0]                   csr_rresp,
  output logic                         session_o,
  output logic                         cores_reset_o,
  output logic                         admit_o,
  output logic [NumCores-1:0]          open_o,
  output logic [NumCores*4-1:0]        load_o,
  output logic [239:0]                 slices_o,
  input  logic [NumCores-1:0]          session_ready_i,
  input  logic [NumCores-1:0]          core_error_i,
  output logic [NumCores-1:0]          task_valid_o,
  input  logic [NumCores-1:0]          task_ready_i,
  output logic [NumCores*TaskBits-1:0] task_o,
  input  logic [NumCores*3-1:0]        task_context_i,
  input  logic [NumCores*Contexts-1:0] task_done_i,
  input  logic [15:0]                  mem_latency_i,
  input  logic [15:0]                  mem_jitter_i,
  input  logic [7:0]                   mem_stall_i,
  input  logic [1:0]                   mem_error_resp_i,
  input  logic [39:0]                  mem_error_addr_i
);

  logic arid, arvalid, arready, rid, rlast, rvalid, rready;
  logic [39:0] araddr;
  logic [7:0] arlen;
  logic [2:0] arsize;
  logic [1:0] arburst, rresp;
  logic [255:0] rdata;

  fvgm_taskq #(
    .NumCores(NumCores),
    .Contexts(Contexts),
    .TaskWindow(TaskWindow)
  ) u_taskq (
    .clk_i,
    .rst_ni,
    .irq_o,
    .s_axil_awvalid(csr_awvalid),
    .s_axil_awready(csr_awready),
    .s_axil_awaddr(csr_awaddr),
    .s_axil_awprot(3'd0),
    .s_axil_wvalid(csr_wvalid),
    .s_axil_wready(csr_wready),
    .s_axil_wdata(csr_wdata),
    .s_axil_wstrb(4'hF),
    .s_axil_bvalid(csr_bvalid),
    .s_axil_bready(csr_bready),
    .s_axil_bresp(csr_bresp),
    .s_axil_arvalid(csr_arvalid),
    .s_axil_arready(csr_arready),
    .s_axil_araddr(csr_araddr),
    .s_axil_arprot(3'd0),
    .s_axil_rvalid(csr_rvalid),
    .s_axil_rready(csr_rready),
    .s_axil_rdata(csr_rdata),
    .s_axil_rresp(csr_rresp),
    .m_axi_task_arid(arid),
    .m_axi_task_araddr(araddr),
    .m_axi_task_arlen(arlen),
    .m_axi_task_arsize(arsize),
    .m_axi_task_arburst(arburst),
    .m_axi_task_arcache(),
    .m_axi_task_arprot(),
    .m_axi_task_arvalid(arvalid),
    .m_axi_task_arready(arready),
    .m_axi_task_rid(rid),
    .m_axi_task_rdata(rdata),
    .m_axi_task_rresp(rresp),
    .m_axi_task_rlast(rlast),
    .m_axi_task_rvalid(rvalid),
    .m_axi_task_rready(rready),
    .session_o,
    .cores_reset_o,
    .slices_o,
    .session_ready_i,
    .core_error_i,
    .task_valid_o,
    .task_ready_i,
    .task_o,
    .task_context_i,
    .task_done_i
  );

  assign admit_o = u_taskq.u_engine.admit;
  assign open_o = u_taskq.u_engine.open;
  assign load_o = u_taskq.u_engine.load;

  axi_memory #(
    .IdBits(1),
    .Origin(Origin)
  ) u_memory (
    .clk_i,
    .rst_ni,
    .latency_i(mem_latency_i),
    .jitter_i(mem_jitter_i),
    .stall_ar_i(mem_stall_i),
    .stall_r_i(mem_stall_i),
    .stall_aw_i(8'd0),
    .stall_w_i(8'd0),
    .stall_b_i(8'd0),
    .reorder_i(1'b0),
    .interleave_i(1'b0),
    .error_read_i(mem_error_resp_i != 2'd0),
    .error_write_i(1'b0),
    .error_resp_i(mem_error_resp_i),
    .error_first_i(mem_error_addr_i),
    .error_last_i(mem_error_addr_i),
    .s_axi_arid(arid),
    .s_axi_araddr(araddr),
    .s_axi_arlen(arlen),
    .s_axi_arsize(arsize),
    .s_axi_arburst(arburst),
    .s_axi_arvalid(arvalid),
    .s_axi_arready(arready),
    .s_axi_rid(rid),
    .s_axi_rdata(rdata),
    .s_axi_rresp(rresp),
    .s_axi_rlast(rlast),
    .s_axi_rvalid(rvalid),
    .s_axi_rready(rready),
    .s_axi_awid(1'b0),
    .s_axi_awaddr(40'd0),
    .s_axi_awlen(8'd0),
    .s_axi_awsize(3'd0),
    .s_axi_awburst(2'd0),
    .s_axi_awvalid(1'b0),
    .s_axi_awready(),
    .s_axi_wdata(256'd0),
    .s_axi_wstrb(32'd0),
    .s_axi_wlast(1'b0),
    .s_axi_wvalid(1'b0),
    .s_axi_wready(),
    .s_axi_bid(),
    .s_axi_bresp(),
    .s_axi_bvalid(),
    .s_axi_bready(1'b0)
  );

endmodule

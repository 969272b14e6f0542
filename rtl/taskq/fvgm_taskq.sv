// Task queue: reads a table of tasks and hands them to the contexts of NumCores cores (docs/taskq.md).
//
// Registers over AXI4-Lite (docs/taskq_regs.md), the table over an AXI4 read port, to each core the
// ports of docs/taskq.md. Buffer sizes: those of a core, for the check of the slices.
// Latency: up to 22 cycles plus one per entry of the window from the task_done_i that an entry waits
// for to its task_valid_o. Throughput: a hand-out every 3 cycles.
`include "fvgm_assert.svh"

module fvgm_taskq #(
    parameter int unsigned NumCores    = 1,   // 1 to 16
    parameter int unsigned Contexts    = 2,   // 1, 2, 4 or 8
    parameter int unsigned TaskWindow  = 4,   // power of two
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024
) (
    input  logic                                             clk_i,
    input  logic                                             rst_ni,
    output logic                                             irq_o,
    // registers, AXI4-Lite
    input  logic                                             s_axil_awvalid,
    output logic                                             s_axil_awready,
    input  logic [11:0]                                      s_axil_awaddr,
    input  logic [2:0]                                       s_axil_awprot,
    input  logic                                             s_axil_wvalid,
    output logic                                             s_axil_wready,
    input  logic [31:0]                                      s_axil_wdata,
    input  logic [3:0]                                       s_axil_wstrb,
    output logic                                             s_axil_bvalid,
    input  logic                                             s_axil_bready,
    output logic [1:0]                                       s_axil_bresp,
    input  logic                                             s_axil_arvalid,
    output logic                                             s_axil_arready,
    input  logic [11:0]                                      s_axil_araddr,
    input  logic [2:0]                                       s_axil_arprot,
    output logic                                             s_axil_rvalid,
    input  logic                                             s_axil_rready,
    output logic [31:0]                                      s_axil_rdata,
    output logic [1:0]                                       s_axil_rresp,
    // table, AXI4, one ID
    output logic                                             m_axi_task_arid,
    output logic [39:0]                                      m_axi_task_araddr,
    output logic [7:0]                                       m_axi_task_arlen,
    output logic [2:0]                                       m_axi_task_arsize,
    output logic [1:0]                                       m_axi_task_arburst,
    output logic [3:0]                                       m_axi_task_arcache,
    output logic [2:0]                                       m_axi_task_arprot,
    output logic                                             m_axi_task_arvalid,
    input  logic                                             m_axi_task_arready,
    input  logic                                             m_axi_task_rid,
    input  logic [255:0]                                     m_axi_task_rdata,
    input  logic [1:0]                                       m_axi_task_rresp,
    input  logic                                             m_axi_task_rlast,
    input  logic                                             m_axi_task_rvalid,
    output logic                                             m_axi_task_rready,
    // cores
    output logic                                             session_o,
    output logic                                             cores_reset_o,
    output fvgm_task_pkg::slices_t                           slices_o,
    input  logic [NumCores-1:0]                              session_ready_i,
    input  logic [NumCores-1:0]                              core_error_i,
    output logic [NumCores-1:0]                              task_valid_o,
    input  logic [NumCores-1:0]                              task_ready_i,
    output fvgm_task_pkg::task_start_t [NumCores-1:0]        task_o,
    input  logic [NumCores-1:0][fvgm_task_pkg::ContextW-1:0] task_context_i,
    input  logic [NumCores-1:0][Contexts-1:0]                task_done_i
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;

  ctrl_t ctrl;
  status_t status;
  counters_t counters;
  core_events_t [NumCores-1:0] core_events;
  logic [LoadW-1:0] limit_q;
  logic launch, enable, stop_fetch, find, found, clear_counters, count;
  logic clean, fetch_idle, exhausted, ended, empty, at_rest, front_error;
  logic [NumCores-1:0] drained, offer;
  error_t front_info;
  logic raw_valid, raw_ready, raw_error, entry_valid, entry_ready;
  logic [InstrBits-1:0] raw;
  entry_t entry;
  logic [SeqW-1:0] oldest;

  always_ff @(posedge clk_i) begin
    limit_q <= ctrl.contexts;
    if (ctrl.contexts == '0 || ctrl.contexts > LoadW'(Contexts)) limit_q <= LoadW'(Contexts);
  end

  fvgm_taskq_csr #(
      .NumCores(NumCores),
      .Contexts(Contexts),
      .TaskWindow(TaskWindow)
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
      .ctrl_o(ctrl),
      .status_i(status),
      .counters_i(counters),
      .irq_o
  );

  fvgm_taskq_control #(
      .NumCores(NumCores),
      .Contexts(Contexts),
      .ABufUnits(ABufUnits),
      .BBufUnits(BBufUnits),
      .VBufUnits(VBufUnits),
      .PBufEntries(PBufEntries),
      .RBufWords(RBufWords),
      .MBufEntries(MBufEntries)
  ) u_control (
      .clk_i,
      .rst_ni,
      .ctrl_i(ctrl),
      .clean_i(clean),
      .fetch_idle_i(fetch_idle),
      .ended_i(ended),
      .empty_i(empty),
      .at_rest_i(at_rest),
      .drained_i(drained),
      .front_error_i(front_error),
      .front_error_info_i(front_info),
      .found_i(found),
      .oldest_i(oldest),
      .session_o,
      .session_ready_i,
      .core_error_i,
      .cores_reset_o,
      .launch_o(launch),
      .enable_o(enable),
      .stop_fetch_o(stop_fetch),
      .find_o(find),
      .clear_o(clear_counters),
      .count_o(count),
      .status_o(status)
  );

  fvgm_taskq_fetch u_fetch (
      .clk_i,
      .rst_ni,
      .start_i(launch),
      .stop_i(stop_fetch),
      .base_i(ctrl.table_base),
      .count_i(ctrl.table_count),
      .idle_o(fetch_idle),
      .exhausted_o(exhausted),
      .entry_valid_o(raw_valid),
      .entry_ready_i(raw_ready),
      .entry_o(raw),
      .entry_error_o(raw_error),
      .m_axi_arvalid(m_axi_task_arvalid),
      .m_axi_arready(m_axi_task_arready),
      .m_axi_araddr(m_axi_task_araddr),
      .m_axi_arlen(m_axi_task_arlen),
      .m_axi_rvalid(m_axi_task_rvalid),
      .m_axi_rready(m_axi_task_rready),
      .m_axi_rdata(m_axi_task_rdata),
      .m_axi_rresp(m_axi_task_rresp)
  );

  assign m_axi_task_arid = 1'b0;
  assign m_axi_task_arsize = 3'd5;     // 32 bytes
  assign m_axi_task_arburst = 2'b01;   // INCR
  assign m_axi_task_arcache = 4'b0011;
  assign m_axi_task_arprot = 3'b000;

  fvgm_taskq_front #(
      .NumCores(NumCores)
  ) u_front (
      .clk_i,
      .rst_ni(rst_ni && session_o),
      .table_base_i(ctrl.table_base),
      .entry_valid_i(raw_valid),
      .entry_ready_o(raw_ready),
      .entry_i(raw),
      .entry_error_i(raw_error),
      .exhausted_i(exhausted),
      .entry_valid_o(entry_valid),
      .entry_ready_i(entry_ready),
      .entry_o(entry),
      .ended_o(ended),
      .error_o(front_error),
      .error_info_o(front_info)
  );

  fvgm_taskq_engine #(
      .NumCores(NumCores),
      .Contexts(Contexts),
      .TaskWindow(TaskWindow)
  ) u_engine (
      .clk_i,
      .rst_ni,
      .session_i(session_o),
      .enable_i(enable),
      .limit_i(limit_q),
      .clean_o(clean),
      .empty_o(empty),
      .at_rest_o(at_rest),
      .drained_o(drained),
      .events_o(core_events),
      .entry_valid_i(entry_valid),
      .entry_ready_o(entry_ready),
      .entry_i(entry),
      .find_i(find),
      .found_o(found),
      .oldest_o(oldest),
      .task_valid_o(offer),
      .task_ready_i,
      .task_o,
      .task_context_i,
      .task_done_i
  );

  fvgm_taskq_counters #(
      .NumCores(NumCores)
  ) u_counters (
      .clk_i,
      .rst_ni,
      .clear_i(clear_counters),
      .enable_i(count),
      .events_i(core_events),
      .counters_o(counters)
  );

  assign slices_o = ctrl.slices;
  assign task_valid_o = session_o ? offer : '0;

  logic unused_bits;
  assign unused_bits = ^{m_axi_task_rid, m_axi_task_rlast};

  `FVGM_ASSERT(OneSessionAtATime, session_o |-> status.busy)

endmodule

// Registers of one core behind AXI4-Lite: the generated fvgm_csr_regs, with its fields gathered into
// the structs of the scheduler, and the interrupt line.
//
// Parameters: the hardware constants that the CONFIG registers show. Latency: a read or a write is
// answered 3 cycles after its last request without back-pressure. Errors: an address without a
// register, or a forbidden
// direction, answers SLVERR. irq_o is level: any IRQ_STATUS bit that IRQ_ENABLE enables.
`include "fvgm_assert.svh"

module fvgm_csr #(
    parameter int unsigned ChainRows   = 1,
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024,
    parameter int unsigned QueueDepth  = 4,
    parameter int unsigned AxiSlots    = 4,
    parameter int unsigned BurstBeats  = 8
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    // AXI4-Lite, 32 bits, one core's 4 KiB
    input  logic                          s_axil_awvalid,
    output logic                          s_axil_awready,
    input  logic [11:0]                   s_axil_awaddr,
    input  logic [2:0]                    s_axil_awprot,
    input  logic                          s_axil_wvalid,
    output logic                          s_axil_wready,
    input  logic [31:0]                   s_axil_wdata,
    input  logic [3:0]                    s_axil_wstrb,
    output logic                          s_axil_bvalid,
    input  logic                          s_axil_bready,
    output logic [1:0]                    s_axil_bresp,
    input  logic                          s_axil_arvalid,
    output logic                          s_axil_arready,
    input  logic [11:0]                   s_axil_araddr,
    input  logic [2:0]                    s_axil_arprot,
    output logic                          s_axil_rvalid,
    input  logic                          s_axil_rready,
    output logic [31:0]                   s_axil_rdata,
    output logic [1:0]                    s_axil_rresp,
    // scheduler
    output fvgm_scheduler_pkg::ctrl_t     ctrl_o,
    input  fvgm_scheduler_pkg::status_t   status_i,
    input  fvgm_scheduler_pkg::counters_t counters_i,
    output logic                          irq_o
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;
  import fvgm_csr_regs_pkg::*;

  if (QueueDepth > 255 || AxiSlots > 255 || BurstBeats > 256) begin : g_config
    $error("fvgm_csr: QueueDepth, AxiSlots or BurstBeats does not fit its CONFIG field");
  end

  fvgm_csr_regs__in_t hw_in;
  fvgm_csr_regs__out_t hw_out;

  always_comb begin
    hw_in.config_array.chain_rows.next = 16'(ChainRows);
    hw_in.config_abuf.value.next = 32'(ABufUnits);
    hw_in.config_bbuf.value.next = 32'(BBufUnits);
    hw_in.config_vbuf.value.next = 32'(VBufUnits);
    hw_in.config_pbuf.value.next = 32'(PBufEntries);
    hw_in.config_rbuf.value.next = 32'(RBufWords);
    hw_in.config_mbuf.value.next = 32'(MBufEntries);
    hw_in.config_queue.queue_depth.next = 8'(QueueDepth);
    hw_in.config_queue.axi_slots.next = 8'(AxiSlots);
    hw_in.config_queue.burst_beats.next = 9'(BurstBeats);
    hw_in.status.idle.next = status_i.idle;
    hw_in.status.busy.next = status_i.busy;
    hw_in.status.done.next = status_i.done;
    hw_in.status.error.next = status_i.error;
    hw_in.status.resetting.next = status_i.resetting;
    hw_in.irq_status.done.hwset = status_i.irq_done;
    hw_in.irq_status.error.hwset = status_i.irq_error;
    hw_in.cause.cause.next = status_i.first_error.cause;
    hw_in.cause.unit_id.next = status_i.first_error.unit;
    hw_in.cause.opcode.next = status_i.first_error.opcode;
    hw_in.cause_task.value.next = status_i.first_error.task_seq;
    hw_in.cause_index.value.next = status_i.first_error.index;
    hw_in.cause_addr_lo.value.next = status_i.first_error.addr[31:0];
    hw_in.cause_addr_hi.value.next = 32'(status_i.first_error.addr[AddrW-1:32]);
    hw_in.count_cycles_lo.value.next = counters_i.cycles[31:0];
    hw_in.count_cycles_hi.value.next = counters_i.cycles[63:32];
    hw_in.count_read_beats.value.next = counters_i.read_beats;
    hw_in.count_write_beats.value.next = counters_i.write_beats;
    hw_in.count_fetch_beats.value.next = counters_i.fetch_beats;
    hw_in.count_mpu_stall_operand.value.next = counters_i.mpu_stall_operand;
    hw_in.count_mpu_stall_drain.value.next = counters_i.mpu_stall_drain;
    hw_in.count_sfu_stall.value.next = counters_i.sfu_stall;
    hw_in.count_su_rows.value.next = counters_i.su_rows;
    hw_in.count_su_kept.value.next = counters_i.su_kept;
    for (int unsigned u = 0; u < NumUnits; u++) begin
      hw_in.count_unit[u].busy.value.next = counters_i.per_unit[u].busy;
      hw_in.count_unit[u].stall_dep.value.next = counters_i.per_unit[u].stall_dep;
      hw_in.count_unit[u].idle.value.next = counters_i.per_unit[u].idle;
      hw_in.count_unit[u].instructions.value.next = counters_i.per_unit[u].instructions;
      hw_in.count_unit[u].idle_task.value.next = counters_i.per_unit[u].idle_task;
      for (int unsigned s = 0; s < NumStalls; s++) begin
        hw_in.count_unit[u].stall_on[s].value.next = counters_i.per_unit[u].stall_on[s];
      end
    end
  end

  assign ctrl_o = '{
      start: hw_out.control.start.value,
      soft_reset: hw_out.control.soft_reset.value,
      prog_base: {hw_out.prog_base_hi.value.value, hw_out.prog_base_lo.value.value},
      prog_len: hw_out.prog_len.value.value,
      watchdog: hw_out.watchdog.value.value,
      windows: '{
          read_base: {hw_out.read_window_base_hi.value.value,
                      hw_out.read_window_base_lo.value.value},
          read_limit: {hw_out.read_window_limit_hi.value.value,
                       hw_out.read_window_limit_lo.value.value},
          write_base: {hw_out.write_window_base_hi.value.value,
                       hw_out.write_window_base_lo.value.value},
          write_limit: {hw_out.write_window_limit_hi.value.value,
                        hw_out.write_window_limit_lo.value.value}
      }
  };

  assign irq_o = (hw_out.irq_status.done.value && hw_out.irq_enable.done.value) ||
                 (hw_out.irq_status.error.value && hw_out.irq_enable.error.value);

  fvgm_csr_regs u_regs (
      .clk(clk_i),
      .rst_n(rst_ni),
      .s_axil_awready,
      .s_axil_awvalid,
      .s_axil_awaddr,
      .s_axil_awprot,
      .s_axil_wready,
      .s_axil_wvalid,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_bready,
      .s_axil_bvalid,
      .s_axil_bresp,
      .s_axil_arready,
      .s_axil_arvalid,
      .s_axil_araddr,
      .s_axil_arprot,
      .s_axil_rready,
      .s_axil_rvalid,
      .s_axil_rdata,
      .s_axil_rresp,
      .hwif_in(hw_in),
      .hwif_out(hw_out)
  );

  `FVGM_ASSERT(ReadHeld, s_axil_rvalid && !s_axil_rready |=> s_axil_rvalid && $stable(s_axil_rdata))
  `FVGM_ASSERT(ResponseHeld, s_axil_bvalid && !s_axil_bready |=> s_axil_bvalid)

endmodule

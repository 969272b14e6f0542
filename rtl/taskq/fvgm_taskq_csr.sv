// Registers of the task queue behind AXI4-Lite: the generated fvgm_taskq_regs, with its fields
// gathered into the structs of the queue, and the interrupt line.
//
// Parameters: the constants that CONFIG shows. Latency: a read or a write is answered 3 cycles after
// its last request without back-pressure. Errors: an address without a register, or a forbidden
// direction, answers SLVERR. irq_o is level: any IRQ_STATUS bit that IRQ_ENABLE enables.
`include "fvgm_assert.svh"

module fvgm_taskq_csr #(
    parameter int unsigned NumCores   = 1,
    parameter int unsigned Contexts   = 2,
    parameter int unsigned TaskWindow = 4
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      s_axil_awvalid,
    output logic                      s_axil_awready,
    input  logic [11:0]               s_axil_awaddr,
    input  logic [2:0]                s_axil_awprot,
    input  logic                      s_axil_wvalid,
    output logic                      s_axil_wready,
    input  logic [31:0]               s_axil_wdata,
    input  logic [3:0]                s_axil_wstrb,
    output logic                      s_axil_bvalid,
    input  logic                      s_axil_bready,
    output logic [1:0]                s_axil_bresp,
    input  logic                      s_axil_arvalid,
    output logic                      s_axil_arready,
    input  logic [11:0]               s_axil_araddr,
    input  logic [2:0]                s_axil_arprot,
    output logic                      s_axil_rvalid,
    input  logic                      s_axil_rready,
    output logic [31:0]               s_axil_rdata,
    output logic [1:0]                s_axil_rresp,
    output fvgm_taskq_pkg::ctrl_t     ctrl_o,
    input  fvgm_taskq_pkg::status_t   status_i,
    input  fvgm_taskq_pkg::counters_t counters_i,
    output logic                      irq_o
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;
  import fvgm_taskq_regs_pkg::*;

  fvgm_taskq_regs__in_t hw_in;
  fvgm_taskq_regs__out_t hw_out;

  always_comb begin
    hw_in.config_.cores.next = 8'(NumCores);
    hw_in.config_.contexts.next = 8'(Contexts);
    hw_in.config_.window.next = 8'(TaskWindow);
    hw_in.config_.areas.next = 8'(NumAreas);
    hw_in.status.idle.next = status_i.idle;
    hw_in.status.busy.next = status_i.busy;
    hw_in.status.done.next = status_i.done;
    hw_in.status.error.next = status_i.error;
    hw_in.status.resetting.next = status_i.resetting;
    hw_in.irq_status.done.hwset = status_i.irq_done;
    hw_in.irq_status.error.hwset = status_i.irq_error;
    hw_in.cause.cause.next = status_i.first_error.cause;
    hw_in.cause.core.next = status_i.first_error.core;
    hw_in.cause_index.value.next = status_i.first_error.index;
    hw_in.cause_addr_lo.value.next = status_i.first_error.addr[31:0];
    hw_in.cause_addr_hi.value.next = 32'(status_i.first_error.addr[AddrW-1:32]);
    hw_in.count_cycles_lo.value.next = counters_i.cycles[31:0];
    hw_in.count_cycles_hi.value.next = counters_i.cycles[63:32];
    for (int unsigned c = 0; c < MaxCores; c++) begin
      hw_in.count_core[c].tasks.value.next = counters_i.per_core[c].tasks;
      hw_in.count_core[c].weights.value.next = counters_i.per_core[c].weights;
      hw_in.count_core[c].starved.value.next = counters_i.per_core[c].starved;
      hw_in.count_core[c].full.value.next = counters_i.per_core[c].full;
      hw_in.count_core[c].active.value.next = counters_i.per_core[c].active;
    end
  end

  always_comb begin
    ctrl_o.start = hw_out.control.start.value;
    ctrl_o.soft_reset = hw_out.control.soft_reset.value;
    ctrl_o.table_base = {hw_out.task_base_hi.value.value, hw_out.task_base_lo.value.value};
    ctrl_o.table_count = hw_out.task_count.value.value;
    ctrl_o.watchdog = hw_out.watchdog.value.value;
    ctrl_o.contexts = hw_out.contexts.value.value;
    ctrl_o.window_base = {hw_out.read_window_base_hi.value.value,
                          hw_out.read_window_base_lo.value.value};
    ctrl_o.window_limit = {hw_out.read_window_limit_hi.value.value,
                           hw_out.read_window_limit_lo.value.value};
    for (int unsigned b = 0; b < NumSliceBuffers; b++) begin
      ctrl_o.slices.base[b] = hw_out.slice_base[b].value.value;
      ctrl_o.slices.size[b] = hw_out.slice_size[b].value.value;
    end
  end

  assign irq_o = (hw_out.irq_status.done.value && hw_out.irq_enable.done.value) ||
                 (hw_out.irq_status.error.value && hw_out.irq_enable.error.value);

  fvgm_taskq_regs u_regs (
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

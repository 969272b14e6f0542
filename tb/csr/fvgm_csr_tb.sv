// fvgm_csr with flat ports: what hardware drives as vectors, what it hands down by name.
//
// counters_i is counters_t as it lies in memory, its first word in the lowest bits.
module fvgm_csr_tb #(
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
  input  logic           clk_i,
  input  logic           rst_ni,
  input  logic           s_axil_awvalid,
  output logic           s_axil_awready,
  input  logic [11:0]    s_axil_awaddr,
  input  logic           s_axil_wvalid,
  output logic           s_axil_wready,
  input  logic [31:0]    s_axil_wdata,
  input  logic [3:0]     s_axil_wstrb,
  output logic           s_axil_bvalid,
  input  logic           s_axil_bready,
  output logic [1:0]     s_axil_bresp,
  input  logic           s_axil_arvalid,
  output logic           s_axil_arready,
  input  logic [11:0]    s_axil_araddr,
  output logic           s_axil_rvalid,
  input  logic           s_axil_rready,
  output logic [31:0]    s_axil_rdata,
  output logic [1:0]     s_axil_rresp,
  // hardware
  input  logic [4:0]     state_i,  // idle, busy, done, error, resetting from bit 0
  input  logic           irq_done_i,
  input  logic           irq_error_i,
  input  logic [3:0]     cause_i,
  input  logic [2:0]     cause_unit_i,
  input  logic [7:0]     cause_opcode_i,
  input  logic [31:0]    cause_index_i,
  input  logic [39:0]    cause_addr_i,
  input  logic [31:0]    cause_task_i,
  input  logic [2623:0]  counters_i,
  output logic           irq_o,
  output logic           start_o,
  output logic           soft_reset_o,
  output logic [39:0]    prog_base_o,
  output logic [31:0]    prog_len_o,
  output logic [31:0]    watchdog_o,
  output logic [39:0]    read_window_base_o,
  output logic [40:0]    read_window_limit_o,
  output logic [39:0]    write_window_base_o,
  output logic [40:0]    write_window_limit_o
);

  import fvgm_scheduler_pkg::*;
  import fvgm_isa_pkg::*;

  ctrl_t ctrl;
  status_t status;

  always_comb begin
    status = '0;
    {status.resetting, status.error, status.done, status.busy, status.idle} = state_i;
    status.irq_done = irq_done_i;
    status.irq_error = irq_error_i;
    status.first_error.cause = cause_e'(cause_i);
    status.first_error.unit = cause_unit_i;
    status.first_error.opcode = cause_opcode_i;
    status.first_error.index = cause_index_i;
    status.first_error.addr = cause_addr_i;
    status.first_error.task_seq = cause_task_i;
  end

  assign start_o = ctrl.start;
  assign soft_reset_o = ctrl.soft_reset;
  assign prog_base_o = ctrl.prog_base;
  assign prog_len_o = ctrl.prog_len;
  assign watchdog_o = ctrl.watchdog;
  assign read_window_base_o = ctrl.windows.read_base;
  assign read_window_limit_o = ctrl.windows.read_limit;
  assign write_window_base_o = ctrl.windows.write_base;
  assign write_window_limit_o = ctrl.windows.write_limit;

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
    .s_axil_awprot(3'b000),
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
    .s_axil_arprot(3'b000),
    .s_axil_rvalid,
    .s_axil_rready,
    .s_axil_rdata,
    .s_axil_rresp,
    .ctrl_o(ctrl),
    .status_i(status),
    .counters_i(counters_i),
    .irq_o
  );

endmodule

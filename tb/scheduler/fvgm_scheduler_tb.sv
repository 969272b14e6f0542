// fvgm_scheduler with flat ports, the program memory behind its fetch port and the idle lines of the
// dma; the units are Python's.
module fvgm_scheduler_tb #(
  parameter int unsigned     ABufUnits   = 2048,
  parameter int unsigned     BBufUnits   = 2048,
  parameter int unsigned     VBufUnits   = 2048,
  parameter int unsigned     PBufEntries = 64,
  parameter int unsigned     RBufWords   = 256,
  parameter int unsigned     MBufEntries = 1024,
  parameter int unsigned     QueueDepth  = 4,
  parameter int unsigned     Contexts    = 2,
  parameter longint unsigned Origin      = 64'h40_0000_0000
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  // registers
  input  logic              start_i,
  input  logic              soft_reset_i,
  input  logic [39:0]       prog_base_i,
  input  logic [31:0]       prog_len_i,
  input  logic [31:0]       watchdog_i,
  input  logic [39:0]       read_base_i,
  input  logic [40:0]       read_limit_i,
  input  logic [39:0]       write_base_i,
  input  logic [40:0]       write_limit_i,
  output logic [4:0]        state_o,  // idle, busy, done, error, resetting from bit 0
  output logic              irq_done_o,
  output logic              irq_error_o,
  output logic [3:0]        cause_o,
  output logic [2:0]        cause_unit_o,
  output logic [7:0]        cause_opcode_o,
  output logic [31:0]       cause_index_o,
  output logic [39:0]       cause_addr_o,
  output logic [31:0]       cause_task_o,
  output logic [5:0][31:0]  instructions_o,
  output logic [5:0][6:0]   stall_on_o,       // unit, semaphore: it was counted
  output logic [31:0]       su_rows_o,
  output logic [31:0]       su_kept_o,
  output logic [63:0]       cycles_o,
  // task queue
  input  logic              session_i,
  output logic              session_ready_o,
  input  logic [239:0]      slices_i,
  input  logic              task_valid_i,
  output logic              task_ready_o,
  input  logic [111:0]      task_i,
  output logic [2:0]        task_context_o,
  output logic [Contexts-1:0] task_done_o,
  output logic              core_error_o,
  output logic [7:0]        active_o,         // contexts with a task
  output logic [5:0][63:0]  unit_cycles_o,    // of all classes of a unit's cycles
  // units
  output logic              core_rst_no,
  output logic              halt_o,
  output logic [5:0]        cmd_valid_o,
  input  logic [5:0]        cmd_ready_i,
  output logic [5:0][383:0] cmd_o,
  output logic [5:0]        trace_start_o,
  output logic [5:0]        trace_done_o,
  output logic [5:0]        trace_skipped_o,
  output logic [5:0]        push_o,           // into a queue of push_context_o
  output logic [2:0]        push_context_o,
  output logic [5:0][2:0]   trace_context_o,  // of trace_start_o
  output logic [5:0][2:0]   done_context_o,
  output logic [5:0][15:0]  cmd_tag_o,
  output logic [5:0][15:0]  done_tag_o,
  input  logic [5:0]        done_i,
  input  logic              su_count_valid_i,
  input  logic [3:0]        su_count_id_i,
  input  logic [10:0]       su_count_value_i,
  input  logic              su_kept_valid_i,
  input  logic              load_error_i,
  input  logic [39:0]       load_error_addr_i,
  input  logic              store_error_i,
  input  logic [39:0]       store_error_addr_i,
  // program memory
  input  logic [15:0]       mem_latency_i,
  input  logic [15:0]       mem_jitter_i,
  input  logic [7:0]        mem_stall_i,
  input  logic [1:0]        mem_error_resp_i,
  input  logic [39:0]       mem_error_addr_i
);

  import fvgm_scheduler_pkg::*;
  import fvgm_isa_pkg::*;

  ctrl_t ctrl;
  status_t status;
  counters_t counters;
  transfer_t load_cmd, store_cmd;
  gemm_t mpu_cmd;
  sfu_t sfu_cmd;
  su_t su_cmd;
  ru_t ru_cmd;

  logic arvalid, arready, rvalid, rready;
  logic [39:0] araddr;
  logic [7:0] arlen;
  logic [255:0] rdata;
  logic [1:0] rresp;

  assign ctrl = '{
    start: start_i, soft_reset: soft_reset_i, prog_base: prog_base_i, prog_len: prog_len_i,
    watchdog: watchdog_i,
    windows: '{
      read_base: read_base_i, read_limit: read_limit_i,
      write_base: write_base_i, write_limit: write_limit_i
    }
  };
  function automatic logic [31:0] stalls(unit_counters_t count);
    logic [31:0] sum;
    sum = '0;
    for (int s = 0; s < NumStalls; s++) sum += count.stall_on[s];
    return sum;
  endfunction

  assign active_o = 8'(u_scheduler.active);
  assign state_o = {status.resetting, status.error, status.done, status.busy, status.idle};
  assign irq_done_o = status.irq_done;
  assign irq_error_o = status.irq_error;
  assign cause_o = status.first_error.cause;
  assign cause_unit_o = status.first_error.unit;
  assign cause_opcode_o = status.first_error.opcode;
  assign cause_index_o = status.first_error.index;
  assign cause_addr_o = status.first_error.addr;
  assign cause_task_o = status.first_error.task_seq;
  assign cycles_o = counters.cycles;
  assign su_rows_o = counters.su_rows;
  assign su_kept_o = counters.su_kept;
  assign cmd_o = {ru_cmd, su_cmd, sfu_cmd, mpu_cmd, store_cmd, load_cmd};
  assign trace_start_o = u_scheduler.trace_start;
  assign trace_done_o = u_scheduler.trace_done;
  assign push_o = u_scheduler.push;
  assign push_context_o = 3'(u_scheduler.instr_context);
  assign trace_skipped_o = u_scheduler.trace_skipped;
  assign cmd_tag_o = u_scheduler.cmd_tag;
  assign done_tag_o = u_scheduler.done_tag;
  for (genvar u = 0; u < NumUnits; u++) begin : g_count
    assign unit_cycles_o[u] = 64'(counters.per_unit[u].busy) + 64'(counters.per_unit[u].idle) +
                              64'(stalls(counters.per_unit[u]));
    assign instructions_o[u] = counters.per_unit[u].instructions;
    for (genvar s = 0; s < NumStalls; s++) begin : g_stall
      assign stall_on_o[u][s] = counters.per_unit[u].stall_on[s] != '0;
    end
    assign trace_context_o[u] = 3'(u_scheduler.cmd_context[u]);
    assign done_context_o[u] = 3'(u_scheduler.done_context[u]);
  end

  // The dma's AXI ports, load and store, are idle or not at random; in a halt one that has been idle
  // for some cycles stays so.
  logic [1:0] idle;
  logic [1:0][2:0] calm_q;
  always_ff @(posedge clk_i) begin
    for (int p = 0; p < 2; p++) begin
      if (!rst_ni) idle[p] <= 1'b1;
      else if (soft_reset_i) idle[p] <= 1'b0;  // a reset meets ports that work
      else if (!idle[p]) idle[p] <= $urandom_range(15) == 0;
      else if (!(halt_o && calm_q[p] == '1)) idle[p] <= $urandom_range(31) != 0;
      calm_q[p] <= !idle[p] ? '0 : (calm_q[p] == '1) ? '1 : calm_q[p] + 1'b1;
    end
  end

  // A program ends with idle ports, an error is reported when they have been idle for 8 cycles, and
  // behind a halt a command is offered only if it was offered before.
  logic [8:0] idle_q;
  logic [5:0] offered_q;  // and not taken
  logic halt_q;
  always_ff @(posedge clk_i) begin
    idle_q <= {idle_q[7:0], idle == '1};
    offered_q <= cmd_valid_o & ~cmd_ready_i;
    halt_q <= halt_o;
    if (rst_ni) begin
      if (irq_done_o && !idle_q[0]) $error("a program is done while an AXI port works");
      if (irq_error_o && idle_q[8:1] != '1) $error("an error is reported while an AXI port works");
      if (halt_q && (cmd_valid_o & ~offered_q) != '0) $error("a command is offered behind a halt");
    end
  end

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
    .session_i(session_i),
    .session_ready_o(session_ready_o),
    .slices_i(slices_i),
    .task_valid_i(task_valid_i),
    .task_ready_o(task_ready_o),
    .task_i(task_i),
    .task_context_o(task_context_o),
    .task_done_o(task_done_o),
    .core_error_o(core_error_o),
    .m_axi_hbm1_arvalid(arvalid),
    .m_axi_hbm1_arready(arready),
    .m_axi_hbm1_araddr(araddr),
    .m_axi_hbm1_arlen(arlen),
    .m_axi_hbm1_rvalid(rvalid),
    .m_axi_hbm1_rready(rready),
    .m_axi_hbm1_rdata(rdata),
    .m_axi_hbm1_rresp(rresp),
    .core_rst_no,
    .halt_o,
    .cmd_valid_o,
    .cmd_ready_i,
    .load_cmd_o(load_cmd),
    .store_cmd_o(store_cmd),
    .mpu_cmd_o(mpu_cmd),
    .sfu_cmd_o(sfu_cmd),
    .su_cmd_o(su_cmd),
    .ru_cmd_o(ru_cmd),
    .done_i,
    .su_count_valid_i,
    .su_count_id_i,
    .su_count_value_i,
    .su_kept_valid_i,
    .load_idle_i(idle[0]),
    .load_error_i,
    .load_error_addr_i,
    .store_idle_i(idle[1]),
    .store_error_i,
    .store_error_addr_i,
    .read_beat_i(1'b0),
    .write_beat_i(1'b0),
    .mpu_stall_operand_i(1'b0),
    .mpu_stall_drain_i(1'b0),
    .sfu_stall_i(1'b0)
  );

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
    .s_axi_arid(1'b0),
    .s_axi_araddr(araddr),
    .s_axi_arlen(arlen),
    .s_axi_arsize(3'd5),
    .s_axi_arburst(2'd1),
    .s_axi_arvalid(arvalid),
    .s_axi_arready(arready),
    .s_axi_rid(),
    .s_axi_rdata(rdata),
    .s_axi_rresp(rresp),
    .s_axi_rlast(),
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

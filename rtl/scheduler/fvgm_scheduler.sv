// Scheduler of one core: runs the programs of its contexts, each the program of a task or the core's
// own; fetches them, checks every instruction, queues it for its unit and context, starts the heads of
// the queues when their semaphores allow, and ends, fails or resets the core as a whole.
//
// Instructions are checked one after another, those of the contexts in turn, and enter the queues in the
// order of their program; a full queue holds up its context alone. Units complete in the order of
// starts. The SU writes count registers of its instruction's context, no later than its done_i; they
// bound the instructions that name them. Tasks: task_i is taken with task_valid_i && task_ready_o into
// task_context_o; task_done_o[c] pulses when that of context c is over (docs/taskq.md). Errors: see
// fvgm_scheduler_control; core_error_o is high from the first one until the reset. The units are reset
// by core_rst_no.
`include "fvgm_assert.svh"

module fvgm_scheduler #(
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024,
    parameter int unsigned QueueDepth  = 4,
    parameter int unsigned Contexts    = 2
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,
    // registers
    input  fvgm_scheduler_pkg::ctrl_t            ctrl_i,
    output fvgm_scheduler_pkg::status_t          status_o,
    output fvgm_scheduler_pkg::counters_t        counters_o,
    // task queue
    input  logic                                 session_i,
    output logic                                 session_ready_o,
    input  fvgm_task_pkg::slices_t               slices_i,
    input  logic                                 task_valid_i,
    output logic                                 task_ready_o,
    input  fvgm_task_pkg::task_start_t           task_i,
    output logic [fvgm_task_pkg::ContextW-1:0]   task_context_o,
    output logic [Contexts-1:0]                  task_done_o,
    output logic                                 core_error_o,
    // instruction fetch, AXI4 read channel
    output logic                                 m_axi_hbm1_arvalid,
    input  logic                                 m_axi_hbm1_arready,
    output logic [fvgm_scheduler_pkg::AddrW-1:0] m_axi_hbm1_araddr,
    output logic [7:0]                           m_axi_hbm1_arlen,
    input  logic                                 m_axi_hbm1_rvalid,
    output logic                                 m_axi_hbm1_rready,
    input  logic [255:0]                         m_axi_hbm1_rdata,
    input  logic [1:0]                           m_axi_hbm1_rresp,
    // commands, index: unit_e
    output logic                                 core_rst_no,
    output logic                                 halt_o,
    output logic [fvgm_isa_pkg::NumUnits-1:0]    cmd_valid_o,
    input  logic [fvgm_isa_pkg::NumUnits-1:0]    cmd_ready_i,
    output fvgm_isa_pkg::transfer_t              load_cmd_o,
    output fvgm_isa_pkg::transfer_t              store_cmd_o,
    output fvgm_isa_pkg::gemm_t                  mpu_cmd_o,
    output fvgm_isa_pkg::sfu_t                   sfu_cmd_o,
    output fvgm_isa_pkg::su_t                    su_cmd_o,
    output fvgm_isa_pkg::ru_t                    ru_cmd_o,
    input  logic [fvgm_isa_pkg::NumUnits-1:0]    done_i,
    // counts that the SU finds; kept: the value is the number of kept rows; id 0: no register
    input  logic                                 su_count_valid_i,
    input  logic [3:0]                           su_count_id_i,
    input  logic [10:0]                          su_count_value_i,
    input  logic                                 su_kept_valid_i,
    // dma state
    input  logic                                 load_idle_i,
    input  logic                                 load_error_i,
    input  logic [fvgm_scheduler_pkg::AddrW-1:0] load_error_addr_i,
    input  logic                                 store_idle_i,
    input  logic                                 store_error_i,
    input  logic [fvgm_scheduler_pkg::AddrW-1:0] store_error_addr_i,
    // events for the counters
    input  logic                                 read_beat_i,
    input  logic                                 write_beat_i,
    input  logic                                 mpu_stall_operand_i,
    input  logic                                 mpu_stall_drain_i,
    input  logic                                 sfu_stall_i
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned ContextW = (Contexts > 1) ? $clog2(Contexts) : 1;

  if (Contexts < 1 || Contexts > MaxContexts || (Contexts & (Contexts - 1)) != 0) begin : g_contexts
    $error("fvgm_scheduler: Contexts must be 1, 2, 4 or 8");
  end

  logic clear, launch, run, halt, stop_fetch, count, open, core_rst_n;

  // contexts
  logic start_valid, start_error;
  logic [ContextW-1:0] start_context;
  logic [AddrW-1:0] start_base;
  logic [31:0] start_length;
  error_t start_info;
  logic [Contexts-1:0] active, ended, ends, over, exhausted, fetch_clear, unit_clear;
  logic [Contexts-1:0][31:0] seq, index_q;
  logic [Contexts-1:0][Contexts-1:0] ahead;
  logic [Contexts-1:0][NumSliceBuffers-1:0][19:0] slice_first;

  // front end
  logic fetch_idle, instr_valid, instr_error, instr_ready;
  logic [ContextW-1:0] instr_context;
  logic [InstrBits-1:0] instr_bits;
  instr_t instr;
  logic check_valid, result_valid, result_ready;
  cause_e check_cause;
  logic [AddrW-1:0] check_addr;
  logic end_seen, front_error, out_of_program;
  logic [ContextW-1:0] out_context;
  error_t front_info, read_info, write_info, count_info, deadlock_info;
  logic is_unit;
  unit_e unit;
  entry_t entry;
  logic [PayloadBits-1:0] payload;

  // queues
  logic [NumUnits-1:0] push, stalled, working, range_error;
  logic [NumUnits-1:0][Contexts-1:0] room, waiting, unit_idle;
  logic [NumUnits-1:0] retire_valid, retire_ready;
  logic [NumUnits-1:0][ContextW-1:0] retire_context, sem_context, error_context, oldest_context;
  logic [NumUnits-1:0][SemIdW-1:0] retire_sem, sem_id, stalled_sem;
  logic [NumUnits-1:0][SemW-1:0] sem_value;
  logic [NumUnits-1:0][CountIdW-1:0] count_id;
  logic [NumUnits-1:0][RowCountW-1:0] count_value;
  logic [NumUnits-1:0][PayloadBits-1:0] cmd;
  logic [NumUnits-1:0][15:0] cmd_tag, done_tag;
  logic [NumUnits-1:0][ContextW-1:0] cmd_context, done_context;
  logic [NumUnits-1:0][31:0] head_index, oldest_index;
  logic dispatched, any_waiting;

  // Tracing: the instructions that start and complete in this cycle, skipped ones included, with their
  // tags and contexts. Test benches bind to them.
  logic [NumUnits-1:0] trace_start, trace_done, trace_skipped;
  logic trace_end;  // of a program or a session

  fvgm_scheduler_contexts #(
      .Contexts(Contexts)
  ) u_contexts (
      .clk_i,
      .rst_ni(core_rst_n),
      .windows_i(ctrl_i.windows),
      .slices_i,
      .launch_i(launch),
      .prog_base_i(ctrl_i.prog_base),
      .prog_len_i(ctrl_i.prog_len),
      .open_i(open),
      .task_valid_i,
      .task_ready_o,
      .task_i,
      .task_context_o,
      .start_valid_o(start_valid),
      .start_context_o(start_context),
      .start_base_o(start_base),
      .start_length_o(start_length),
      .error_o(start_error),
      .error_info_o(start_info),
      .end_i(ends),
      .clear_i(unit_clear & fetch_clear),
      .active_o(active),
      .ended_o(ended),
      .done_o(over),
      .seq_o(seq),
      .ahead_o(ahead),
      .first_o(slice_first)
  );

  fvgm_scheduler_fetch #(
      .Contexts(Contexts)
  ) u_fetch (
      .clk_i,
      .rst_ni(core_rst_n),
      .stop_i(stop_fetch),
      .start_valid_i(start_valid),
      .start_context_i(start_context),
      .start_base_i(start_base),
      .start_length_i(start_length),
      .drop_i(ends),
      .exhausted_o(exhausted),
      .clear_o(fetch_clear),
      .idle_o(fetch_idle),
      .room_i(room),
      .instr_valid_o(instr_valid),
      .instr_ready_i(instr_ready),
      .instr_context_o(instr_context),
      .instr_o(instr_bits),
      .instr_error_o(instr_error),
      .m_axi_arvalid(m_axi_hbm1_arvalid),
      .m_axi_arready(m_axi_hbm1_arready),
      .m_axi_araddr(m_axi_hbm1_araddr),
      .m_axi_arlen(m_axi_hbm1_arlen),
      .m_axi_rvalid(m_axi_hbm1_rvalid),
      .m_axi_rready(m_axi_hbm1_rready),
      .m_axi_rdata(m_axi_hbm1_rdata),
      .m_axi_rresp(m_axi_hbm1_rresp)
  );

  assign instr = instr_bits;
  assign check_valid = instr_valid && run && !instr_error;

  fvgm_scheduler_check #(
      .ABufUnits(ABufUnits),
      .BBufUnits(BBufUnits),
      .VBufUnits(VBufUnits),
      .PBufEntries(PBufEntries),
      .RBufWords(RBufWords),
      .MBufEntries(MBufEntries)
  ) u_check (
      .clk_i,
      .rst_ni(core_rst_n),
      .abort_i(!run),
      .windows_i(ctrl_i.windows),
      .instr_valid_i(check_valid),
      .instr_i(instr),
      .slice_size_i(slices_i.size),
      .result_valid_o(result_valid),
      .result_ready_i(result_ready),
      .cause_o(check_cause),
      .addr_o(check_addr)
  );

  fvgm_scheduler_relocate u_relocate (
      .instr_i(instr),
      .first_i(slice_first[instr_context]),
      .payload_o(payload)
  );

  // dispatch; the fetch has seen that there is room
  always_comb begin
    unit = UnitLoad;
    is_unit = 1'b1;
    case (instr.header.opcode)
      OpLoad: unit = UnitLoad;
      OpStore: unit = UnitStore;
      OpGemm: unit = UnitMpu;
      OpSfu: unit = UnitSfu;
      OpSu: unit = UnitSu;
      OpRu: unit = UnitRu;
      default: is_unit = 1'b0;
    endcase
    push = '0;
    push[unit] = run && result_valid && is_unit && check_cause == CauseNone;
    end_seen = run && result_valid && !is_unit && check_cause == CauseNone;
    ends = end_seen ? Contexts'(1) << instr_context : '0;
    dispatched = |push;
    result_ready = dispatched || end_seen;
  end

  assign instr_ready = result_ready;
  assign entry = make_entry(instr.header, index_q[instr_context]);

  always_ff @(posedge clk_i) begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      if (start_valid && start_context == ContextW'(c)) index_q[c] <= '0;
      else if (dispatched && instr_context == ContextW'(c)) index_q[c] <= index_q[c] + 1'b1;
    end
  end

  // Its fetch has begun, so that `exhausted` is about this program.
  logic [Contexts-1:0] started_q;
  always_ff @(posedge clk_i) begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      if (!core_rst_n || !active[c]) started_q[c] <= 1'b0;
      else if (start_valid && start_context == ContextW'(c)) started_q[c] <= 1'b1;
    end
  end

  // A context whose last instruction was no END.
  always_comb begin
    out_of_program = 1'b0;
    out_context = '0;
    for (int c = Contexts - 1; c >= 0; c--) begin
      if (active[c] && !ended[c] && exhausted[c] && started_q[c]) begin
        out_of_program = 1'b1;
        out_context = ContextW'(c);
      end
    end
  end

  logic [Contexts-1:0][AddrW-1:0] base_q;  // of the programs
  always_ff @(posedge clk_i) begin
    if (start_valid) base_q[start_context] <= start_base;
  end

  always_comb begin
    front_error = 1'b1;
    front_info = '0;
    front_info.task_seq = seq[instr_context];
    front_info.index = index_q[instr_context];
    front_info.unit = UnitNone;
    front_info.cause = CauseNone;
    if (!run) begin
      front_error = 1'b0;
    end else if (start_error) begin
      front_info = start_info;
    end else if (out_of_program) begin
      front_info.task_seq = seq[out_context];
      front_info.index = index_q[out_context];
      front_info.cause = CauseProgramRange;
      front_info.addr = base_q[out_context] + {2'b0, index_q[out_context], 6'b0};
    end else if (instr_valid && instr_error) begin
      front_info.cause = CauseFetchError;
      front_info.addr = base_q[instr_context] + {2'b0, index_q[instr_context], 6'b0};
    end else if (result_valid && check_cause != CauseNone) begin
      front_info.cause = check_cause;
      front_info.addr = check_addr;
      front_info.opcode = instr.header.opcode;
      if (is_unit) front_info.unit = 3'(unit);
    end else begin
      front_error = 1'b0;
    end
  end

  logic [NumUnits-1:0] stuck;
  always_comb begin
    read_info = '{
        task_seq: seq[oldest_context[UnitLoad]],
        addr: load_error_addr_i,
        index: oldest_index[UnitLoad],
        opcode: OpLoad,
        unit: 3'(UnitLoad),
        cause: CauseReadError
    };
    write_info = '{
        task_seq: seq[oldest_context[UnitStore]],
        addr: store_error_addr_i,
        index: oldest_index[UnitStore],
        opcode: OpStore,
        unit: 3'(UnitStore),
        cause: CauseWriteError
    };
    for (int unsigned u = 0; u < NumUnits; u++) stuck[u] = |waiting[u];
    deadlock_info = head_error(stuck, CauseDeadlock);
    count_info = head_error(range_error, CauseCountRange);
  end

  // Error of the head of the lowest of some units.
  function automatic error_t head_error(logic [NumUnits-1:0] heads, cause_e cause);
    error_t info;
    info = '0;
    info.cause = cause;
    for (int u = NumUnits - 1; u >= 0; u--) begin
      if (heads[u]) begin
        info.task_seq = seq[error_context[u]];
        info.unit = 3'(u);
        info.index = head_index[u];
        info.opcode = opcode_of(unit_e'(u));
      end
    end
    return info;
  endfunction

  assign any_waiting = |stuck;

  fvgm_scheduler_control u_control (
      .clk_i,
      .rst_ni,
      .ctrl_i,
      .session_i,
      .over_i(active == '0),
      .progress_i(|working || dispatched || |retire_valid || |cmd_valid_o),
      .waiting_i(any_waiting),
      .axi_idle_i(load_idle_i && store_idle_i && fetch_idle),
      .read_error_i(load_error_i),
      .read_error_info_i(read_info),
      .write_error_i(store_error_i),
      .write_error_info_i(write_info),
      .front_error_i(front_error),
      .front_error_info_i(front_info),
      .count_error_i(|range_error),
      .count_error_info_i(count_info),
      .deadlock_info_i(deadlock_info),
      .clear_o(clear),
      .launch_o(launch),
      .open_o(open),
      .run_o(run),
      .halt_o(halt),
      .stop_fetch_o(stop_fetch),
      .count_o(count),
      .core_rst_no(core_rst_n),
      .status_o
  );

  logic session_q;
  assign trace_end = status_o.irq_done || status_o.irq_error || (session_q && !session_i);
  always_ff @(posedge clk_i) session_q <= session_i && rst_ni;

  assign halt_o = halt;
  assign core_rst_no = core_rst_n;
  assign session_ready_o = status_o.idle;
  assign core_error_o = status_o.error;
  assign task_done_o = run ? over : '0;

  fvgm_scheduler_semaphores #(
      .Contexts(Contexts)
  ) u_semaphores (
      .clk_i,
      .rst_ni(core_rst_n),
      .clear_valid_i(start_valid),
      .clear_context_i(start_context),
      .retire_valid_i(retire_valid),
      .retire_ready_o(retire_ready),
      .retire_context_i(retire_context),
      .retire_sem_i(retire_sem),
      .read_context_i(sem_context),
      .read_id_i(sem_id),
      .read_value_o(sem_value)
  );

  fvgm_scheduler_counts #(
      .Contexts(Contexts)
  ) u_counts (
      .clk_i,
      .rst_ni(core_rst_n),
      .clear_valid_i(start_valid),
      .clear_context_i(start_context),
      .write_valid_i(su_count_valid_i),
      .write_context_i(oldest_context[UnitSu]),
      .write_id_i(su_count_id_i),
      .write_value_i(su_count_value_i),
      .read_context_i(sem_context),
      .read_id_i(count_id),
      .read_value_o(count_value)
  );

  for (genvar u = 0; u < NumUnits; u++) begin : g_unit
    localparam int unsigned PayloadW = payload_width(unit_e'(u));
    fvgm_scheduler_unit #(
        .Unit(unit_e'(u)),
        .Contexts(Contexts),
        .QueueDepth(QueueDepth)
    ) u_unit (
        .clk_i,
        .rst_ni(core_rst_n),
        .halt_i(halt),
        .ahead_i(ahead),
        .push_valid_i(push[u]),
        .push_context_i(instr_context),
        .push_ready_o(room[u]),
        .push_entry_i(entry),
        .push_payload_i(payload[PayloadW-1:0]),
        .sem_context_o(sem_context[u]),
        .sem_id_o(sem_id[u]),
        .sem_value_i(sem_value[u]),
        .count_id_o(count_id[u]),
        .count_value_i(count_value[u]),
        .cmd_valid_o(cmd_valid_o[u]),
        .cmd_ready_i(cmd_ready_i[u]),
        .cmd_o(cmd[u]),
        .done_i(done_i[u]),
        .start_o(trace_start[u]),
        .start_tag_o(cmd_tag[u]),
        .start_context_o(cmd_context[u]),
        .completed_o(trace_done[u]),
        .completed_skipped_o(trace_skipped[u]),
        .done_tag_o(done_tag[u]),
        .done_context_o(done_context[u]),
        .retire_valid_o(retire_valid[u]),
        .retire_ready_i(retire_ready[u]),
        .retire_sem_o(retire_sem[u]),
        .retire_context_o(retire_context[u]),
        .waiting_o(waiting[u]),
        .stalled_o(stalled[u]),
        .stalled_sem_o(stalled_sem[u]),
        .working_o(working[u]),
        .idle_o(unit_idle[u]),
        .range_error_o(range_error[u]),
        .error_context_o(error_context[u]),
        .head_index_o(head_index[u]),
        .oldest_context_o(oldest_context[u]),
        .oldest_index_o(oldest_index[u])
    );
  end

  always_comb begin
    unit_clear = '1;
    for (int unsigned u = 0; u < NumUnits; u++) unit_clear &= unit_idle[u];
  end

  assign load_cmd_o = cmd[UnitLoad];
  assign store_cmd_o = cmd[UnitStore];
  assign mpu_cmd_o = cmd[UnitMpu];
  assign sfu_cmd_o = cmd[UnitSfu];
  assign su_cmd_o = cmd[UnitSu];
  assign ru_cmd_o = cmd[UnitRu];

  // A unit is busy, or its best head waits for something, or it has nothing to do.
  events_t events;
  always_comb begin
    events = '0;
    events.instructions = trace_done;
    for (int unsigned u = 0; u < NumUnits; u++) begin
      events.stall_dep[u] = stalled[u] && !working[u];
      events.stall_on[u] = (stalled_sem[u] <= SemIdW'(NumUnits)) ? stalled_sem[u][2:0] : '0;
      events.idle[u] = !working[u] && !stalled[u];
      events.idle_task[u] = !working[u] && !stalled[u] && active == '0;
    end
    events.busy = working;
    events.su_kept = su_kept_valid_i ? su_count_value_i : '0;
    events.su_rows = trace_start[UnitSu] ? su_cmd_o.rows[RowCountW-1:0] : '0;
    events.sfu_stall = sfu_stall_i;
    events.mpu_stall_drain = mpu_stall_drain_i;
    events.mpu_stall_operand = mpu_stall_operand_i;
    events.fetch_beat = m_axi_hbm1_rvalid && m_axi_hbm1_rready;
    events.write_beat = write_beat_i;
    events.read_beat = read_beat_i;
  end

  fvgm_scheduler_counters u_counters (
      .clk_i,
      .rst_ni,
      .clear_i(clear),
      .enable_i(count),
      .events_i(events),
      .counters_o
  );

  logic unused_bits;
  assign unused_bits = ^{instr, payload, trace_start, trace_skipped, trace_end, cmd_tag, done_tag,
                         cmd_context, done_context, oldest_index, oldest_context};

  `FVGM_ASSERT(KeptFromWork, su_kept_valid_i |-> working[UnitSu])
  `FVGM_ASSERT(CountFromWork, su_count_valid_i |-> working[UnitSu])

endmodule

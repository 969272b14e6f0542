// Scheduler of one core: fetches a program, checks every instruction, queues it for its unit, starts
// the heads of the queues when their semaphores allow, and ends, fails or resets the core as a whole.
//
// Instructions are checked one after another and enter the queues in program order; a full queue
// holds up dispatch. Units complete in order; completion signals reach a waiting head 3 cycles after
// done_i. The SU writes count registers, no later than its done_i; they bound the instructions that
// name them. Errors: see fvgm_scheduler_control. The units are reset by core_rst_no.
`include "fvgm_assert.svh"

module fvgm_scheduler #(
    parameter int unsigned ABufUnits   = 2048,
    parameter int unsigned BBufUnits   = 2048,
    parameter int unsigned VBufUnits   = 2048,
    parameter int unsigned PBufEntries = 64,
    parameter int unsigned RBufWords   = 256,
    parameter int unsigned MBufEntries = 1024,
    parameter int unsigned QueueDepth  = 4
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,
    // registers
    input  fvgm_scheduler_pkg::ctrl_t            ctrl_i,
    output fvgm_scheduler_pkg::status_t          status_o,
    output fvgm_scheduler_pkg::counters_t        counters_o,
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

  logic launch, run, halt, stop_fetch, count, core_rst_n;

  // front end
  logic fetch_idle, exhausted, instr_valid, instr_error, instr_ready;
  logic [InstrBits-1:0] instr_bits;
  instr_t instr;
  logic check_valid, result_valid, result_ready;
  cause_e check_cause;
  logic [AddrW-1:0] check_addr;
  logic [31:0] index_q;
  logic end_seen, front_error;
  error_t front_info, read_info, write_info, count_info, deadlock_info;
  logic is_unit;
  unit_e unit;
  entry_t entry;

  // queues
  logic [NumUnits-1:0] push, push_ready, waiting, stalled, working, unit_idle, range_error;
  logic [NumUnits-1:0] retire_valid, retire_ready;
  logic [NumUnits-1:0][SemIdW-1:0] retire_sem, sem_id;
  logic [NumUnits-1:0][SemW-1:0] sem_value;
  logic [NumUnits-1:0][CountIdW-1:0] count_id;
  logic [NumUnits-1:0][RowCountW-1:0] count_value;
  logic [NumUnits-1:0][PayloadBits-1:0] cmd;
  logic [NumUnits-1:0][15:0] cmd_tag, done_tag;
  logic [NumUnits-1:0][31:0] head_index, oldest_index;
  logic clearing, dispatched;

  // Tracing: the instructions that start (cmd_valid_o && cmd_ready_i) and those that complete (done_i)
  // in this cycle, skipped ones included, with their tags. Test benches bind to them.
  logic [NumUnits-1:0] trace_start, trace_done;

  fvgm_scheduler_fetch u_fetch (
      .clk_i,
      .rst_ni(core_rst_n),
      .start_i(launch),
      .stop_i(stop_fetch),
      .prog_base_i(ctrl_i.prog_base),
      .prog_len_i(ctrl_i.prog_len),
      .idle_o(fetch_idle),
      .exhausted_o(exhausted),
      .instr_valid_o(instr_valid),
      .instr_ready_i(instr_ready),
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
      .result_valid_o(result_valid),
      .result_ready_i(result_ready),
      .cause_o(check_cause),
      .addr_o(check_addr)
  );

  // dispatch
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
    dispatched = |(push & push_ready);
    result_ready = dispatched || end_seen;
  end

  assign instr_ready = result_ready;
  assign entry = make_entry(instr.header, index_q);

  always_ff @(posedge clk_i) begin
    if (launch) index_q <= '0;
    else if (dispatched) index_q <= index_q + 1'b1;
  end

  always_comb begin
    front_error = 1'b1;
    front_info = '0;
    front_info.index = index_q;
    front_info.unit = UnitNone;
    front_info.cause = CauseNone;
    if (!run) begin
      front_error = 1'b0;
    end else if (exhausted) begin
      front_info.cause = CauseProgramRange;
      front_info.addr = ctrl_i.prog_base + {2'b0, index_q, 6'b0};
    end else if (instr_valid && instr_error) begin
      front_info.cause = CauseFetchError;
      front_info.addr = ctrl_i.prog_base + {2'b0, index_q, 6'b0};
    end else if (result_valid && check_cause != CauseNone) begin
      front_info.cause = check_cause;
      front_info.addr = check_addr;
      front_info.opcode = instr.header.opcode;
      if (is_unit) front_info.unit = 3'(unit);
    end else begin
      front_error = 1'b0;
    end
  end

  always_comb begin
    read_info = '{
        addr: load_error_addr_i,
        index: oldest_index[UnitLoad],
        opcode: OpLoad,
        unit: 3'(UnitLoad),
        cause: CauseReadError
    };
    write_info = '{
        addr: store_error_addr_i,
        index: oldest_index[UnitStore],
        opcode: OpStore,
        unit: 3'(UnitStore),
        cause: CauseWriteError
    };
    deadlock_info = head_error(waiting, CauseDeadlock);
    count_info = head_error(range_error, CauseCountRange);
  end

  // Error of the head of the lowest of some units.
  function automatic error_t head_error(logic [NumUnits-1:0] heads, cause_e cause);
    error_t info;
    info = '0;
    info.cause = cause;
    for (int u = NumUnits - 1; u >= 0; u--) begin
      if (heads[u]) begin
        info.unit = 3'(u);
        info.index = head_index[u];
        info.opcode = opcode_of(unit_e'(u));
      end
    end
    return info;
  endfunction

  fvgm_scheduler_control u_control (
      .clk_i,
      .rst_ni,
      .ctrl_i,
      .clearing_i(clearing),
      .end_i(end_seen),
      .drained_i(&unit_idle),
      .progress_i(|working || dispatched || |retire_valid || |cmd_valid_o),
      .waiting_i(|waiting),
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
      .launch_o(launch),
      .run_o(run),
      .halt_o(halt),
      .stop_fetch_o(stop_fetch),
      .count_o(count),
      .core_rst_no(core_rst_n),
      .status_o
  );

  assign halt_o = halt;
  assign core_rst_no = core_rst_n;

  fvgm_scheduler_semaphores u_semaphores (
      .clk_i,
      .rst_ni(core_rst_n),
      .clear_i(launch),
      .clearing_o(clearing),
      .retire_valid_i(retire_valid),
      .retire_ready_o(retire_ready),
      .retire_sem_i(retire_sem),
      .read_id_i(sem_id),
      .read_value_o(sem_value)
  );

  fvgm_scheduler_counts u_counts (
      .clk_i,
      .rst_ni(core_rst_n),
      .clear_i(launch),
      .write_valid_i(su_count_valid_i),
      .write_id_i(su_count_id_i),
      .write_value_i(su_count_value_i),
      .read_id_i(count_id),
      .read_value_o(count_value)
  );

  for (genvar u = 0; u < NumUnits; u++) begin : g_unit
    localparam int unsigned PayloadW = payload_width(unit_e'(u));
    fvgm_scheduler_unit #(
        .Unit(unit_e'(u)),
        .QueueDepth(QueueDepth)
    ) u_unit (
        .clk_i,
        .rst_ni(core_rst_n),
        .halt_i(halt),
        .push_valid_i(push[u]),
        .push_ready_o(push_ready[u]),
        .push_entry_i(entry),
        .push_payload_i(instr.payload[PayloadW-1:0]),
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
        .completed_o(trace_done[u]),
        .done_tag_o(done_tag[u]),
        .retire_valid_o(retire_valid[u]),
        .retire_ready_i(retire_ready[u]),
        .retire_sem_o(retire_sem[u]),
        .waiting_o(waiting[u]),
        .stalled_o(stalled[u]),
        .working_o(working[u]),
        .idle_o(unit_idle[u]),
        .range_error_o(range_error[u]),
        .head_index_o(head_index[u]),
        .oldest_index_o(oldest_index[u])
    );
  end

  assign load_cmd_o = cmd[UnitLoad];
  assign store_cmd_o = cmd[UnitStore];
  assign mpu_cmd_o = cmd[UnitMpu];
  assign sfu_cmd_o = cmd[UnitSfu];
  assign su_cmd_o = cmd[UnitSu];
  assign ru_cmd_o = cmd[UnitRu];

  events_t events;
  assign events = '{
      instructions: trace_done,
      idle: ~waiting & ~working,
      stall_dep: stalled,
      busy: working,
      su_kept: su_kept_valid_i ? su_count_value_i : '0,
      su_rows: trace_start[UnitSu] ? su_cmd_o.rows[RowCountW-1:0] : '0,
      sfu_stall: sfu_stall_i,
      mpu_stall_drain: mpu_stall_drain_i,
      mpu_stall_operand: mpu_stall_operand_i,
      fetch_beat: m_axi_hbm1_rvalid && m_axi_hbm1_rready,
      write_beat: write_beat_i,
      read_beat: read_beat_i
  };

  fvgm_scheduler_counters u_counters (
      .clk_i,
      .rst_ni,
      .clear_i(launch),
      .enable_i(count),
      .events_i(events),
      .counters_o
  );

  logic unused_bits;
  assign unused_bits = ^{instr, trace_start, cmd_tag, done_tag, oldest_index};

  `FVGM_ASSERT(KeptFromWork, su_kept_valid_i |-> working[UnitSu])
  `FVGM_ASSERT(CountFromWork, su_count_valid_i |-> working[UnitSu])

endmodule

// Life of a table: start, session, end, error, soft reset; the first error and the watchdog.
//
// start_i is accepted in Idle only: the table and the slices are checked, then the queue waits until
// every core is ready and the events are clear; the session begins and the fetch starts. When END has
// been reached and everything given out is over, the table is done and the session ends. The first
// error stops hand-outs and the fetch; when the fetch is idle and no core without an error has a task,
// it is reported and the session ends; only a soft reset leaves Error. Soft reset, from any state:
// the session ends, the cores are reset (cores_reset_o, a pulse), and Idle follows when all of them
// are ready again and the fetch is idle.
//
// Errors of one cycle rank: CORE_ERROR, those of the table's entries, DEADLOCK. DEADLOCK: for the
// WATCHDOG cycles (0: never) nothing ran, nothing was given out, the fetch was idle.
`include "fvgm_assert.svh"

module fvgm_taskq_control #(
    parameter int unsigned NumCores     = 2,
    parameter int unsigned Contexts     = 2,
    parameter int unsigned ABufUnits    = 2048,
    parameter int unsigned BBufUnits    = 2048,
    parameter int unsigned VBufUnits    = 2048,
    parameter int unsigned PBufEntries  = 64,
    parameter int unsigned RBufWords    = 256,
    parameter int unsigned MBufEntries  = 1024,
    parameter int unsigned SettleCycles = 16  // by then a core shows that it is being reset
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  fvgm_taskq_pkg::ctrl_t             ctrl_i,
    // what the others report
    input  logic                              clean_i,       // events are clear
    input  logic                              fetch_idle_i,
    input  logic                              ended_i,       // END was reached
    input  logic                              empty_i,       // the window is empty
    input  logic                              at_rest_i,     // nothing runs, nothing is handed out
    input  logic [NumCores-1:0]               drained_i,     // the core has no task
    input  logic                              front_error_i,
    input  fvgm_taskq_pkg::error_t            front_error_info_i,
    input  logic                              found_i,       // oldest_i is known
    input  logic [fvgm_task_pkg::SeqW-1:0]    oldest_i,
    // cores
    output logic                              session_o,
    input  logic [NumCores-1:0]               session_ready_i,
    input  logic [NumCores-1:0]               core_error_i,
    output logic                              cores_reset_o,
    // what the others obey
    output logic                              launch_o,      // pulse: start to fetch
    output logic                              enable_o,      // hand-outs
    output logic                              stop_fetch_o,
    output logic                              find_o,        // look for the oldest entry
    output logic                              clear_o,       // counters
    output logic                              count_o,       // counters run
    output fvgm_taskq_pkg::status_t           status_o
);

  import fvgm_isa_pkg::*;
  import fvgm_task_pkg::*;
  import fvgm_taskq_pkg::*;

  localparam int unsigned TimerW = $clog2(SettleCycles + 1);
  localparam int unsigned EndW = 32 + 6 + 3;
  localparam int unsigned SliceW = 24;  // end of the last slice
  localparam logic [NumSliceBuffers-1:0][31:0] Sizes = {
      32'(MBufEntries), 32'(RBufWords), 32'(PBufEntries),
      32'(VBufUnits), 32'(BBufUnits), 32'(ABufUnits)};

  if (Contexts < 1 || Contexts > MaxContexts || (Contexts & (Contexts - 1)) != 0) begin : g_contexts
    $error("fvgm_taskq_control: Contexts must be 1, 2, 4 or 8");
  end

  typedef enum logic [2:0] {
    StIdle,
    StCheck,  // table and slices
    StWait,   // for the cores
    StRun,
    StFind,   // deadlock: look for the oldest entry
    StStop,   // error: wait for the fetch and the cores
    StError,
    StReset   // soft reset: wait for the fetch and the cores
  } state_e;

  state_e state_d, state_q;
  logic error, deadlock, watched, done_q, set_done, set_error, clear_outcome;
  logic [TimerW-1:0] timer_d, timer_q;
  logic [31:0] watch_q;
  error_t error_info, table_info, error_q;
  cause_e slice_cause;
  logic [EndW-1:0] end_q;
  logic [NumSliceBuffers-1:0][SliceW-1:0] slice_end_q;

  assign watched = state_q == StRun && at_rest_i && fetch_idle_i && !empty_i;
  assign deadlock = watched && ctrl_i.watchdog != '0 && watch_q >= ctrl_i.watchdog;

  // The registers stand still for some cycles before and after a start.
  always_ff @(posedge clk_i) begin
    end_q <= EndW'(ctrl_i.table_base) + {3'b0, ctrl_i.table_count, 6'b0};
    for (int unsigned b = 0; b < NumSliceBuffers; b++) begin
      slice_end_q[b] <= SliceW'(ctrl_i.slices.base[b]) +
                        SliceW'(Contexts) * SliceW'(ctrl_i.slices.size[b]);
    end
  end

  // Slices lie in the buffers; those of abuf start at even units, as INT8 operands must (fvgm_abuf).
  always_comb begin
    slice_cause = CauseNone;
    if (ctrl_i.slices.base[SliceA][0] || ctrl_i.slices.size[SliceA][0]) begin
      slice_cause = CauseMisaligned;
    end
    for (int unsigned b = 0; b < NumSliceBuffers; b++) begin
      if (32'(slice_end_q[b]) > Sizes[b]) slice_cause = CauseBufferRange;
    end
  end

  always_comb begin
    table_info = '0;
    table_info.addr = ctrl_i.table_base;
    table_info.cause = CauseNone;
    if (ctrl_i.table_base[5:0] != '0) table_info.cause = CauseMisaligned;
    else if (ctrl_i.table_base < ctrl_i.window_base || end_q > ctrl_i.window_limit ||
             end_q > (EndW'(1) << AddrW))
      table_info.cause = CauseWindowRange;
    else if (ctrl_i.table_count == '0) table_info.cause = CauseProgramRange;
    else if (slice_cause != CauseNone) begin
      table_info.cause = slice_cause;
      table_info.addr = '0;
    end
  end

  always_comb begin
    error = 1'b1;
    error_info = table_info;
    if ((state_q == StWait || state_q == StRun) && core_error_i != '0) begin
      error_info = '0;
      error_info.cause = CauseCoreError;
      for (int c = int'(NumCores) - 1; c >= 0; c--) begin
        if (core_error_i[c]) error_info.core = CoreIdW'(c);
      end
    end else if (state_q == StRun && front_error_i) begin
      error_info = front_error_info_i;
    end else if (deadlock) begin
      error_info = '0;
      error_info.cause = CauseDeadlock;
    end else begin
      error = state_q == StCheck && table_info.cause != CauseNone;
    end
  end

  always_comb begin
    state_d = state_q;
    timer_d = '0;
    set_done = 1'b0;
    set_error = 1'b0;
    clear_outcome = 1'b0;
    launch_o = 1'b0;
    case (state_q)
      StIdle: begin
        if (ctrl_i.start) begin
          state_d = StCheck;
          clear_outcome = 1'b1;
        end
      end
      StCheck: state_d = StWait;
      StWait: begin
        if (clean_i && &session_ready_i && !error && !ctrl_i.soft_reset) begin
          state_d = StRun;
          launch_o = 1'b1;
        end
      end
      StRun: begin
        if (ended_i && empty_i && at_rest_i && fetch_idle_i) begin
          state_d = StIdle;
          set_done = !ctrl_i.soft_reset && !error;
        end
      end
      StFind: if (found_i) state_d = StStop;
      StStop: begin
        if (fetch_idle_i && &(drained_i | core_error_i)) begin
          state_d = StError;
          set_error = !ctrl_i.soft_reset;
        end
      end
      StError: ;
      default: begin  // StReset
        timer_d = timer_q == TimerW'(SettleCycles) ? timer_q : timer_q + 1'b1;
        if (timer_q == TimerW'(SettleCycles) && fetch_idle_i && &session_ready_i) state_d = StIdle;
      end
    endcase
    if (error) begin
      // what is found before the session begins needs no stop
      if (state_q != StRun) state_d = StError;
      else state_d = error_info.cause == CauseDeadlock ? StFind : StStop;
      set_error = state_q != StRun && !ctrl_i.soft_reset;
    end
    if (ctrl_i.soft_reset && state_q != StReset) begin
      state_d = StReset;
      timer_d = '0;
      clear_outcome = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      timer_q <= '0;
      watch_q <= '0;
      done_q <= 1'b0;
      error_q <= '0;
      cores_reset_o <= 1'b0;
      status_o.irq_done <= 1'b0;
      status_o.irq_error <= 1'b0;
    end else begin
      state_q <= state_d;
      timer_q <= timer_d;
      watch_q <= watched ? watch_q + 1'b1 : '0;
      if (clear_outcome) done_q <= 1'b0;
      else if (set_done) done_q <= 1'b1;
      if (clear_outcome) error_q <= '0;
      else if (error) error_q <= error_info;
      else if (state_q == StFind && found_i) error_q.index <= oldest_i;
      cores_reset_o <= ctrl_i.soft_reset && state_q != StReset;
      status_o.irq_done <= set_done;
      status_o.irq_error <= set_error;
    end
  end

  assign session_o = state_q == StRun || state_q == StFind || state_q == StStop;
  assign enable_o = state_q == StRun && !error;
  assign stop_fetch_o = state_q != StRun || ended_i;
  assign find_o = state_q == StFind;
  assign clear_o = state_q == StIdle && ctrl_i.start;
  assign count_o = state_q != StIdle && state_q != StError && state_q != StReset;
  assign status_o.idle = state_q == StIdle;
  assign status_o.busy = count_o;
  assign status_o.done = done_q;
  assign status_o.error = state_q == StError;
  assign status_o.resetting = state_q == StReset;
  assign status_o.first_error = error_q;

  logic unused_bits;
  assign unused_bits = ^ctrl_i.contexts;

  `FVGM_ASSERT(SessionFromReady, !session_o ##1 session_o |-> $past(&session_ready_i))
  `FVGM_ASSERT(SessionEndsDrained, session_o ##1 !session_o |->
               $past(&(drained_i | core_error_i)) || $past(ctrl_i.soft_reset))

endmodule

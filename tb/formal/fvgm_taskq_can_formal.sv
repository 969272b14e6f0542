// Whether the queue should give something out soon, inside fvgm_taskq_engine_formal: nothing runs, the
// waits of the oldest entry hold, and its set lies on a core to which it may go.
module fvgm_taskq_can_formal
  import fvgm_taskq_pkg::*;
  import fvgm_taskq_formal_pkg::*;
(
  input  logic             enable_i,
  input  logic [1:0]       drained,
  output logic             can,
  output logic [Slots-1:0] can_slot,       // this is the oldest
  output logic [Slots-1:0][1:0] can_core   // its set lies there
);

  logic [Slots-1:0] oldest;

  for (genvar s = 0; s < Slots; s++) begin : g_slot
    logic holds;
    logic [3:0] ahead;

    always_comb begin
      oldest[s] = dut.u_window.pending_q[s] != '0;
      for (int unsigned o = 0; o < Slots; o++) begin
        if (dut.u_window.pending_q[o] != '0 &&
            dut.u_window.start[o].seq[5:0] < dut.u_window.start[s].seq[5:0]) oldest[s] = 1'b0;
      end
      holds = 1'b1;
      for (int unsigned w = 0; w < 4; w++) begin
        ahead = dut.u_events.count_q[dut.u_scan.test[s].waits[w].id[1:0]] -
                dut.u_scan.test[s].waits[w].value[3:0];
        if (dut.u_scan.test[s].waits[w].id[1:0] != '0 && ahead[3]) holds = 1'b0;
      end
    end
    for (genvar c = 0; c < 2; c++) begin : g_core
      always_comb begin
        can_core[s][c] = dut.u_window.pending_q[s][c];
        for (int unsigned a = 0; a < 2; a++) begin
          if (!dut.u_window.uses[s].weights && dut.u_window.uses[s].areas[a] &&
              dut.held[c][a] != dut.u_window.uses[s].set) can_core[s][c] = 1'b0;
        end
      end
    end
    assign can_slot[s] = enable_i && drained == '1 && oldest[s] && holds && can_core[s] != '0;
  end

  assign can = can_slot != '0;

endmodule

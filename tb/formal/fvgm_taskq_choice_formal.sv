// Invariants of the choice, inside fvgm_taskq_engine_formal: what is chosen may go, and how long it may
// take at most until something goes.
module fvgm_taskq_choice_formal
  import fvgm_taskq_formal_pkg::*;
(
  input logic             seen_reset_q,
  input logic             session_i,
  input logic [3:0]       quiet_q,
  input logic [Slots-1:0] can_slot,
  input logic [Slots-1:0][1:0] can_core
);

  logic chosen, noted;

  assign chosen = dut.u_select.valid_q;
  assign noted = dut.u_select.may_q != '0;

  for (genvar s = 0; s < Slots; s++) begin : g_slot
    for (genvar c = 0; c < 2; c++) begin : g_core
      always_comb begin
        if (seen_reset_q) begin
          if (dut.u_select.may_q[c][s] && !chosen && !dut.u_select.stale_q) begin
            assert (dut.ready[c][s]);
          end
          if (chosen && dut.u_select.where_q[c] && dut.u_select.slot_q == 2'(s)) begin
            assert (dut.ready[c][s]);
          end
        end
      end

      // Cycles that may still pass: to its turn, two of the scan, three of the choice.
      logic mine, found, under1, under2;
      logic [3:0] rest;

      always_comb begin
        mine = can_slot[s] && can_core[s][c];
        found = dut.u_window.open_q[s] == '0 && dut.u_window.loaded_q[s][c];
        under2 = dut.u_scan.valid2_q && dut.u_scan.slot2_q == 2'(s) &&
                 (dut.u_window.open_q[s] & ~dut.result_holds) == '0 &&
                 (dut.u_window.loaded_q[s][c] || dut.u_scan.loaded_q[c]);
        under1 = dut.u_scan.valid1_q && dut.u_scan.slot1_q == 2'(s) && dut.u_scan.clear1_q[c];
        rest = 4'(2'(2'(s) - dut.u_scan.last_q - 2'd1)) + 4'd6;
        if (chosen) rest = 4'd1;
        else if (noted) rest = 4'd2;
        else if (found) rest = 4'd3;
        else if (under2) rest = 4'd4;
        else if (under1) rest = 4'd5;
        if (seen_reset_q && session_i && mine) begin
          assert (dut.open[c] && !dut.u_window.blocked_d[c][s] && dut.used[c][1:0] == '0);
          if (dut.u_window.fresh_q[s]) begin
            assert (quiet_q == '0);
          end else begin
            if (found) assert (dut.ready[c][s]);
            else assert (dut.want[s]);
            assert (5'(quiet_q) + 5'(rest) <= 5'(MaxQuiet));
          end
          if (dut.u_select.stale_q) assert (quiet_q == '0);
        end
      end
    end
  end

endmodule

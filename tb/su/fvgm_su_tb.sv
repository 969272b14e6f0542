// Test top of fvgm_su: clock, vbuf behind two read ports and a write port that deny at random, and
// logs of everything that the unit writes.
//
// Python loads vbuf by name, puts a command on cmd / cmd_valid, and sleeps until `accepted` or
// `completed` changes; then the logs hold the command's writes in order, *_count entries in all
// (modulo the size of the log). deny_*: n of 256 cycles in which a port is not ready.
module fvgm_su_tb
  import fvgm_isa_pkg::*;
#(
    parameter int unsigned Units = 8192,
    parameter int unsigned LogWords = 4096
) ();

  logic clk_i = 1'b0;
  logic rst_ni = 1'b0;
  always #5 clk_i = !clk_i;

  logic [127:0] vbuf[Units];
  logic [47:0] mb_log[LogWords];
  logic [147:0] wr_log[LogWords];
  logic [14:0] count_log[LogWords];

  logic cmd_valid = 1'b0;
  logic [PayloadBits-1:0] cmd = '0;
  logic [8:0] deny_read0 = '0;
  logic [8:0] deny_read1 = '0;
  logic [8:0] deny_write = '0;

  int unsigned accepted = 0;
  int unsigned completed = 0;
  int unsigned cycle = 0;
  int unsigned stall_read = 0;
  int unsigned mb_count = 0;
  int unsigned wr_count = 0;
  int unsigned count_count = 0;
  int unsigned read0_count = 0;
  int unsigned read1_count = 0;

  logic cmd_ready, done, busy, stall, wr_valid, wr_ready, mb_valid, count_valid;
  logic [1:0] rd_valid, rd_ready, rd_accepted;
  logic [1:0][19:0] rd_addr;
  logic [1:0][1:0][127:0] rd_q, rd_data;
  logic [19:0] wr_addr;
  logic [127:0] wr_data;
  logic [15:0] mb_addr;
  logic [31:0] mb_data;
  logic [3:0] count_id;
  logic kept_valid;
  logic [10:0] count_value;

  fvgm_su dut (
      .clk_i,
      .rst_ni,
      .cmd_valid_i(cmd_valid),
      .cmd_ready_o(cmd_ready),
      .cmd_i(cmd),
      .done_o(done),
      .busy_o(busy),
      .stall_read_o(stall),
      .rd_valid_o(rd_valid),
      .rd_ready_i(rd_ready),
      .rd_addr_o(rd_addr),
      .rd_data_i(rd_data),
      .wr_valid_o(wr_valid),
      .wr_ready_i(wr_ready),
      .wr_addr_o(wr_addr),
      .wr_data_o(wr_data),
      .mb_valid_o(mb_valid),
      .mb_addr_o(mb_addr),
      .mb_data_o(mb_data),
      .count_valid_o(count_valid),
      .count_id_o(count_id),
      .count_value_o(count_value),
      .kept_valid_o(kept_valid)
  );

  always_ff @(posedge clk_i) begin
    rd_ready[0] <= 9'($urandom_range(255)) >= deny_read0;
    rd_ready[1] <= 9'($urandom_range(255)) >= deny_read1;
    wr_ready <= 9'($urandom_range(255)) >= deny_write;

    // Data that nobody asked for are noise: a block that takes them shows.
    rd_accepted <= rd_valid & rd_ready;
    for (int p = 0; p < 2; p++) begin
      if (rd_valid[p] && rd_ready[p]) begin
        rd_q[p] <= {vbuf[(rd_addr[p]+1) % Units], vbuf[rd_addr[p] % Units]};
      end
      rd_data[p] <= rd_accepted[p] ? rd_q[p] : {16{16'h7bff ^ 16'(cycle)}};
    end

    cycle <= cycle + 1;
    if (rst_ni) begin
      if (cmd_valid && cmd_ready) accepted <= accepted + 1;
      stall_read <= stall_read + 32'(stall);
      read0_count <= read0_count + 32'(rd_valid[0] && rd_ready[0]);
      read1_count <= read1_count + 32'(rd_valid[1] && rd_ready[1]);
      if (mb_valid) begin
        mb_log[mb_count%LogWords] <= {mb_addr, mb_data};
        mb_count <= mb_count + 1;
      end
      if (wr_valid && wr_ready) begin
        vbuf[wr_addr%Units] <= wr_data;
        wr_log[wr_count%LogWords] <= {wr_addr, wr_data};
        wr_count <= wr_count + 1;
      end
      if (count_valid) begin
        count_log[count_count%LogWords] <= {count_id, count_value};
        count_count <= count_count + 1;
      end
    end
  end

  // At the falling edge within the cycle of done: every write is in its log by then.
  always @(negedge clk_i) if (rst_ni && done) completed <= completed + 1;

  logic wr_wait;
  logic [1:0] rd_wait;
  logic [147:0] wr_was;
  logic [1:0][19:0] rd_was;

  always_ff @(posedge clk_i) begin
    wr_wait <= rst_ni && wr_valid && !wr_ready;
    wr_was <= {wr_addr, wr_data};
    if (rst_ni && wr_wait && !(wr_valid && wr_was == {wr_addr, wr_data})) begin
      $error("write not held until ready");
    end
    rd_was <= rd_addr;
    for (int p = 0; p < 2; p++) begin
      rd_wait[p] <= rst_ni && rd_valid[p] && !rd_ready[p];
      if (rst_ni && rd_wait[p] && !(rd_valid[p] && rd_was[p] == rd_addr[p])) begin
        $error("read not held until ready");
      end
    end
    if (rst_ni && !busy && (rd_valid != '0 || wr_valid || mb_valid || count_valid || done)) begin
      $error("activity while not busy");
    end
  end

endmodule

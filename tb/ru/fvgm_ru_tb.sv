// Test top of fvgm_ru: clock, memories, and memory ports that deny at random.
//
// Python loads and reads the memories by name, puts a command on cmd / cmd_valid, and sleeps until
// `accepted` or `completed` changes. `completed` counts at the falling edge within the cycle of
// done_o, so that what is in the memories then is what a reader would see.
// deny_*: n of 256 cycles in which that port is not ready.
module fvgm_ru_tb
  import fvgm_isa_pkg::*;
#(
  parameter int unsigned Units   = 8192,
  parameter int unsigned Entries = 2048
) ();

  logic clk_i = 1'b0;
  logic rst_ni = 1'b0;
  always #5 clk_i = !clk_i;

  logic [127:0] vbuf[Units];
  logic [31:0] mbuf[Entries];

  logic cmd_valid = 1'b0;
  logic [PayloadBits-1:0] cmd = '0;
  logic [8:0] deny_read = '0;
  logic [8:0] deny_write = '0;

  int unsigned accepted = 0;
  int unsigned completed = 0;
  int unsigned cycle = 0;
  int unsigned stalls = 0;
  int unsigned reads = 0;
  int unsigned writes = 0;

  logic cmd_ready, done, busy, stall, mb_valid, rd_valid, rd_ready, wr_valid, wr_ready;
  logic [15:0] mb_addr;
  logic [19:0] rd_addr;
  logic [1:0] wr_mask;
  logic [1:0][19:0] wr_addr;
  logic [1:0][127:0] wr_data;
  logic [31:0] mb_q, mb_data;
  logic [255:0] rd_q, rd_data;

  fvgm_ru dut (
    .clk_i,
    .rst_ni,
    .cmd_valid_i(cmd_valid),
    .cmd_ready_o(cmd_ready),
    .cmd_i(cmd),
    .done_o(done),
    .busy_o(busy),
    .stall_o(stall),
    .mb_rd_valid_o(mb_valid),
    .mb_rd_addr_o(mb_addr),
    .mb_rd_data_i(mb_data),
    .rd_valid_o(rd_valid),
    .rd_ready_i(rd_ready),
    .rd_addr_o(rd_addr),
    .rd_data_i(rd_data),
    .wr_valid_o(wr_valid),
    .wr_ready_i(wr_ready),
    .wr_mask_o(wr_mask),
    .wr_addr_o(wr_addr),
    .wr_data_o(wr_data)
  );

  // Data that nobody asked for is noise: a block that takes it shows.
  function automatic logic [255:0] noise();
    logic [255:0] out;
    for (int i = 0; i < 8; i++) out[32*i+:32] = 32'h7f81_0001 ^ (cycle << 5) ^ 32'(i);
    return out;
  endfunction

  logic rd_accepted, mb_accepted;

  always_ff @(posedge clk_i) begin
    rd_ready <= 9'($urandom_range(255)) >= deny_read;
    wr_ready <= 9'($urandom_range(255)) >= deny_write;

    rd_accepted <= rd_valid && rd_ready;
    if (rd_valid && rd_ready) rd_q <= {vbuf[(rd_addr+1)%Units], vbuf[rd_addr%Units]};
    rd_data <= rd_accepted ? rd_q : noise();
    mb_accepted <= mb_valid;
    if (mb_valid) mb_q <= mbuf[mb_addr%Entries];
    mb_data <= mb_accepted ? mb_q : 32'(noise());

    cycle <= cycle + 1;
    if (rst_ni) begin
      if (cmd_valid && cmd_ready) accepted <= accepted + 1;
      stalls <= stalls + 32'(stall);
      reads <= reads + 32'(rd_valid && rd_ready);
      if (wr_valid && wr_ready) begin
        for (int u = 0; u < 2; u++) if (wr_mask[u]) vbuf[wr_addr[u]%Units] <= wr_data[u];
        writes <= writes + 32'($countones(wr_mask));
      end
    end
  end

  always @(negedge clk_i) if (rst_ni && done) completed <= completed + 1;

  logic wr_wait;
  logic [297:0] wr_was;

  always_ff @(posedge clk_i) begin
    wr_wait <= rst_ni && wr_valid && !wr_ready;
    wr_was <= {wr_mask, wr_addr, wr_data};
    if (rst_ni && wr_wait && !(wr_valid && wr_was == {wr_mask, wr_addr, wr_data})) begin
      $error("vbuf write not held until ready");
    end
    if (rst_ni && !busy && (mb_valid || rd_valid || wr_valid || done || stall)) begin
      $error("activity while not busy");
    end
  end

endmodule
